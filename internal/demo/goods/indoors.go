package goods

import (
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

var measured = []catalog.Regime{catalog.RegimeMeasure}

func pantryGoods() []good {
	return []good{
		{
			handle: "rarorda-lingon", categories: []string{"skafferi"}, tags: []string{"bär"},
			sv:       words{title: "Rårörda lingon", text: "Sextio procent bär, resten socker. 340 gram i glasburk.\n\nÖppnad burk står i kylen i tre veckor. Rörda i Lingonmyr. Till raggmunk, gröt och det mesta annat.", ingredients: "Lingon (60 %), socker.", allergens: "-"},
			en:       words{title: "Raw-stirred lingonberries", text: "Sixty per cent berries, the rest sugar. 340 grams in a glass jar.\n\nOnce opened it keeps three weeks in the fridge. Stirred in Lingonmyr. For potato pancakes, porridge and most other things.", ingredients: "Lingonberries (60 %), sugar.", allergens: "-"},
			core:     catalog.Core{Brand: "Lingonmyren", Maker: berries, VATClass: catalog.VATFood, NoWarnings: true, Regimes: measured, Unit: "kg", Content: 340, Origin: "SE"},
			variants: []variant{{sku: "FK-2501", price: 6900, weight: 560, size: [3]int64{75, 75, 105}, stock: 240}},
			pictures: []picture{{name: "rarorda-lingon", alt: loc{SV: "Glasburk med rårörda lingon, några bär bredvid", EN: "Glass jar of lingonberries, a few berries beside it"}}},
			values:   facts([]catalog.NewValue{made(sweden)}),
		},
		{
			handle: "kokkaffe-morgon", categories: []string{"skafferi"}, tags: []string{"kaffe", "utvalt"},
			sv:       words{title: "Kokkaffe Morgon", text: "Grovmalet mellanrost för panna och press. 450 gram, bönor från Etiopien och Brasilien.\n\nStäng påsen väl. Rostat i Morgonby. Sju gram per kopp och tålamod.", ingredients: "Kaffe.", allergens: "-"},
			en:       words{title: "Morgon boiled coffee", text: "Coarsely ground medium roast for pot and press. 450 grams, beans from Ethiopia and Brazil.\n\nClose the bag well. Roasted in Morgonby. Seven grams a cup, and patience.", ingredients: "Coffee.", allergens: "-"},
			core:     catalog.Core{Brand: "Morgonrosteriet", Maker: roaster, VATClass: catalog.VATFood, NoWarnings: true, Regimes: measured, Unit: "kg", Content: 450},
			variants: []variant{{sku: "FK-2601", price: 9900, weight: 470, size: [3]int64{200, 90, 70}, stock: 320}},
			pictures: []picture{{name: "kokkaffe-morgon", alt: loc{SV: "Kaffepåse med en soluppgång på etiketten", EN: "Coffee bag with a sunrise on its label"}}},
			values:   facts([]catalog.NewValue{made(sweden)}),
		},
		{
			handle: "knackebrod-ragspis", categories: []string{"skafferi"}, tags: []string{"bröd"},
			sv:      words{title: "Knäckebröd Rågspis", text: "Tunt, hårt och gräddat två gånger. 300 gram, runda kakor med hål.\n\nFörvaras torrt. Bakat i Rågåker. Hörs i rummet intill.", ingredients: "Fullkornsmjöl av **råg**, vatten, havssalt, jäst. Kummin i sorten kummin.", allergens: "Råg (gluten)"},
			en:      words{title: "Rågspis crispbread", text: "Thin, hard and baked twice. 300 grams, round with a hole.\n\nKeep it dry. Baked in Rågåker. It is heard in the next room.", ingredients: "Wholegrain **rye** flour, water, sea salt, yeast. Caraway in the caraway kind.", allergens: "Rye (gluten)"},
			core:    catalog.Core{Brand: "Rågspis", Maker: bakery, VATClass: catalog.VATFood, NoWarnings: true, Regimes: measured, Unit: "kg", Content: 300},
			options: []loc{optKind},
			variants: []variant{
				{sku: "FK-2701", choices: []loc{{SV: "Havssalt", EN: "Sea salt"}}, price: 5900, weight: 350, size: [3]int64{200, 200, 60}, stock: 180},
				{sku: "FK-2702", choices: []loc{{SV: "Kummin", EN: "Caraway"}}, price: 5900, weight: 350, size: [3]int64{200, 200, 60}, stock: 140},
			},
			pictures: []picture{
				{name: "knackebrod-ragspis-havssalt", alt: loc{SV: "Runda knäckebröd i stapel, sorten havssalt", EN: "Pile of round crispbread, sea salt"}, of: []int{1}},
				{name: "knackebrod-ragspis-kummin", alt: loc{SV: "Runda knäckebröd i stapel, sorten kummin", EN: "Pile of round crispbread, caraway"}, of: []int{2}},
			},
			values: facts([]catalog.NewValue{made(sweden)}),
		},
		{
			handle: "honung-slatterang", categories: []string{"skafferi"}, tags: []string{"gåva", "utvalt"},
			sv:       words{title: "Honung Slåtteräng", text: "Fast honung från en enda äng. 350 gram i glasburk med lock av ek.\n\nBlir den hård: ställ burken i ljummet vatten. Slungad på Slätten. Smakar lite olika varje år.", ingredients: "Honung. Ursprungsland: Sverige.", allergens: "-", warnings: []string{"Ska inte ges till barn under ett år."}},
			en:       words{title: "Slåtteräng honey", text: "Set honey from a single meadow. 350 grams in a glass jar with an oak lid.\n\nIf it hardens, stand the jar in lukewarm water. Extracted at Slätten. It tastes a little different every year.", ingredients: "Honey. Country of origin: Sweden.", allergens: "-", warnings: []string{"Not to be given to children under one year."}},
			core:     catalog.Core{Brand: "Slåtterängen", Maker: apiary, VATClass: catalog.VATFood, Regimes: []catalog.Regime{catalog.RegimeMeasure, catalog.RegimeOrigin}, Unit: "kg", Content: 350, Origin: "SE"},
			variants: []variant{{sku: "FK-2801", price: 9500, weight: 600, size: [3]int64{75, 75, 110}, stock: 150}},
			pictures: []picture{{name: "honung-slatterang", alt: loc{SV: "Glasburk med honung och en honungssked av trä", EN: "Glass jar of honey with a wooden dipper"}}},
			values:   facts([]catalog.NewValue{made(sweden)}),
		},
	}
}

func bathGoods() []good {
	return []good{
		{
			handle: "tval-enrum", categories: []string{"bad-och-tvatt"}, tags: []string{"bad"},
			sv:      words{title: "Tvål Enrum", text: "Hård tvål, hundra gram, med kort ingredienslista. Räcker ungefär en månad vid handfatet.\n\nLåt den torka mellan gångerna. Kokad i Enrum. Luktar inte mer än den ska.", ingredients: "Sodium rapeseedate, sodium cocoate, aqua, glycerin, sodium chloride. Björk: betula alba leaf extract. Kamomill: chamomilla recutita flower extract.", warnings: []string{"Undvik kontakt med ögonen."}},
			en:      words{title: "Enrum soap", text: "Hard soap, a hundred grams, with a short list of ingredients. It lasts about a month at the basin.\n\nLet it dry between uses. Boiled in Enrum. It smells no more than it should.", ingredients: "Sodium rapeseedate, sodium cocoate, aqua, glycerin, sodium chloride. Birch: betula alba leaf extract. Camomile: chamomilla recutita flower extract.", warnings: []string{"Avoid contact with the eyes."}},
			core:    catalog.Core{Brand: "Enrum", Maker: soaper, Regimes: []catalog.Regime{catalog.RegimeMeasure, catalog.RegimeCosmetic}, Unit: "kg", Content: 100},
			options: []loc{optKind},
			variants: []variant{
				{sku: "FK-2901", choices: []loc{{SV: "Björk", EN: "Birch"}}, price: 7900, weight: 110, size: [3]int64{85, 55, 30}, stock: 150},
				{sku: "FK-2902", choices: []loc{{SV: "Kamomill", EN: "Camomile"}}, price: 7900, weight: 110, size: [3]int64{85, 55, 30}, stock: 120},
				{sku: "FK-2903", choices: []loc{{SV: "Oparfymerad", EN: "Unscented"}}, price: 7900, weight: 110, size: [3]int64{85, 55, 30}, stock: 170},
			},
			pictures: []picture{
				{name: "tval-enrum-bjork", alt: loc{SV: "Ljusgrön tvål på träfat med en björkkvist", EN: "Pale-green soap on a wooden dish with a birch twig"}, of: []int{1}},
				{name: "tval-enrum-kamomill", alt: loc{SV: "Gul tvål på träfat med kamomillblommor", EN: "Yellow soap on a wooden dish with camomile flowers"}, of: []int{2}},
				{name: "tval-enrum-oparfymerad", alt: loc{SV: "Vit tvål på träfat", EN: "White soap on a wooden dish"}, of: []int{3}},
			},
			values: facts([]catalog.NewValue{made(sweden)}),
		},
		{
			handle: "diskborste-rund", categories: []string{"bad-och-tvatt", "kok"}, tags: []string{"disk"},
			sv:      words{title: "Diskborste Rund", text: "Bok och tagel, huvudet byts när det är slitet. Skaftet är 24 cm med en ögla att hänga i.\n\nSkölj ur och häng den fritt. Bunden i Rundby. Huvudet säljs för sig."},
			en:      words{title: "Rund washing-up brush", text: "Beech and horsehair; the head is changed when it is worn. The handle is 24 cm with a loop to hang it by.\n\nRinse and hang it free. Bound in Rundby. The head is sold by itself."},
			core:    catalog.Core{Brand: "Rundborsten", Maker: brushes, NoWarnings: true},
			options: []loc{optPart},
			variants: []variant{
				{sku: "FK-3001", choices: []loc{{SV: "Borste", EN: "Brush"}}, price: 8900, weight: 70, size: [3]int64{260, 60, 60}, stock: 200},
				{sku: "FK-3002", choices: []loc{{SV: "Bara huvud", EN: "Head only"}}, price: 3900, weight: 30, size: [3]int64{70, 60, 50}, stock: 260},
			},
			pictures: []picture{
				{name: "diskborste-rund", alt: loc{SV: "Diskborste av bok med tagel och ögla", EN: "Beech washing-up brush with horsehair and a loop"}, of: []int{1}},
				{name: "diskborste-rund-huvud", alt: loc{SV: "Löst borsthuvud av bok och tagel", EN: "Loose brush head of beech and horsehair"}, of: []int{2}},
			},
			values: facts([]catalog.NewValue{made(sweden), washable(false)}, of(beech), in(natural)),
		},
		{
			handle: "kladnypor", categories: []string{"bad-och-tvatt"}, tags: []string{"tvätt"},
			sv:       words{title: "Klädnypor", text: "Tjugo nypor i björk med rostfri fjäder, åtta centimeter långa.\n\nFår gärna hänga ute. Monterade i Rundby. Håller även lakan i västanvind."},
			en:       words{title: "Clothes pegs", text: "Twenty pegs of birch with a stainless spring, eight centimetres long.\n\nThey may well stay outdoors. Assembled in Rundby. They hold a sheet in a west wind, too."},
			core:     catalog.Core{Brand: "Rundborsten", Maker: brushes, NoWarnings: true, Regimes: measured, Unit: "piece", Content: 20_000},
			variants: []variant{{sku: "FK-3101", price: 7500, weight: 190, size: [3]int64{160, 110, 50}, stock: 175}},
			pictures: []picture{{name: "kladnypor", alt: loc{SV: "Klädnypor av björk på en lina och på bordet", EN: "Birch clothes pegs on a line and on the table"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(birchWood), in(natural)),
		},
		{
			handle: "tvattkorg-vide", categories: []string{"bad-och-tvatt"}, tags: []string{"korg", "tvätt"},
			sv:      words{title: "Tvättkorg Vide", text: "Flätad vide med foder som går att tvätta i 40 grader. 40 liter är 45 cm hög, 60 liter 58 cm.\n\nTorka av med fuktig trasa. Flätad i Lettland. Knarrar lite, som en trappa."},
			en:      words{title: "Vide laundry basket", text: "Woven willow with a lining that washes at 40 degrees. 40 litres is 45 cm high, 60 litres 58 cm.\n\nWipe with a damp cloth. Woven in Latvia. It creaks a little, like stairs."},
			core:    catalog.Core{Brand: "Vītolu", Maker: wicker, NoWarnings: true, Bulky: true, ReturnCost: money.SEK(24900)},
			options: []loc{optSize},
			variants: []variant{
				{sku: "FK-3201", choices: []loc{{SV: "40 l", EN: "40 l"}}, price: 74900, weight: 1800, size: [3]int64{460, 380, 380}, stock: 14},
				{sku: "FK-3202", choices: []loc{{SV: "60 l", EN: "60 l"}}, price: 74900, weight: 2300, size: [3]int64{590, 420, 420}, stock: 11},
			},
			pictures: []picture{{name: "tvattkorg-vide", alt: loc{SV: "Tvättkorg av flätad vide med tvätt i", EN: "Woven willow laundry basket with laundry in it"}}},
			values:   facts([]catalog.NewValue{made(latvia)}, of(willow), in(natural)),
		},
	}
}

func paperGoods() []good {
	return []good{
		{
			handle: "forstukvistens-bakbok", categories: []string{"papper"}, tags: []string{"bok", "gåva", "utvalt"},
			sv:       words{title: "Förstukvistens bakbok", text: "Fyrtio recept för vardag och kalas, inbunden. 128 sidor, 19 × 25 cm, på papper som tål ett mjöligt finger.\n\nTryckt i Boksta. Kardemumman är inte valfri."},
			en:       words{title: "The Förstukvist baking book", text: "Forty recipes for weekdays and parties, hardback, in Swedish. 128 pages, 19 × 25 cm, on paper that bears a floury finger.\n\nPrinted in Boksta. The cardamom is not optional."},
			core:     catalog.Core{Brand: "Förlaget Kvist", Maker: press, VATClass: catalog.VATBook, NoWarnings: true},
			variants: []variant{{sku: "FK-3301", price: 24900, weight: 640, size: [3]int64{255, 195, 18}, stock: 130}},
			pictures: []picture{{name: "forstukvistens-bakbok", alt: loc{SV: "Bakbok med kanelbullar på omslaget", EN: "Baking book with cinnamon buns on its cover"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(paperStuff)),
		},
		{
			handle: "raven-pa-kvisten", categories: []string{"papper", "barn"}, tags: []string{"bok", "barn"},
			sv:       words{title: "Räven på kvisten", text: "Bilderbok för högläsning, från tre år. 32 sidor, 21 × 27 cm, hårda pärmar.\n\nTryckt i Boksta. Räcker till en kväll och sedan en till."},
			en:       words{title: "The fox on the twig", text: "A picture book for reading aloud, from three years, in Swedish. 32 pages, 21 × 27 cm, hard covers.\n\nPrinted in Boksta. It lasts one evening and then another."},
			core:     catalog.Core{Brand: "Förlaget Kvist", Maker: press, VATClass: catalog.VATBook, NoWarnings: true, MinAge: 3},
			variants: []variant{{sku: "FK-3401", price: 16900, weight: 320, size: [3]int64{275, 215, 10}, stock: 110}},
			pictures: []picture{{name: "raven-pa-kvisten", alt: loc{SV: "Bilderbok med en räv på en gren i månsken", EN: "Picture book with a fox on a branch in moonlight"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(paperStuff)),
		},
		{
			handle: "anteckningsbok-linje", categories: []string{"papper"}, tags: []string{"skriva"},
			sv:      words{title: "Anteckningsbok Linje", text: "Trådbunden, 160 sidor som ligger platt. A5, 100 grams papper, pärmar av mörkgrön kartong.\n\nBunden i Linje. Pennan fastnar inte i ryggen."},
			en:      words{title: "Linje notebook", text: "Wire-bound, 160 pages that lie flat. A5, 100-gram paper, covers of dark-green board.\n\nBound in Linje. The pen does not catch in the spine."},
			core:    catalog.Core{Brand: "Linje", Maker: bindery, NoWarnings: true},
			options: []loc{optRuling},
			variants: []variant{
				{sku: "FK-3501", choices: []loc{{SV: "Linjerad", EN: "Ruled"}}, price: 14900, weight: 260, size: [3]int64{215, 155, 15}, stock: 95},
				{sku: "FK-3502", choices: []loc{{SV: "Rutad", EN: "Squared"}}, price: 14900, weight: 260, size: [3]int64{215, 155, 15}, stock: 80},
				{sku: "FK-3503", choices: []loc{{SV: "Blank", EN: "Blank"}}, price: 14900, weight: 260, size: [3]int64{215, 155, 15}, stock: 70},
			},
			pictures: []picture{
				{name: "anteckningsbok-linje-linjerad", alt: loc{SV: "Uppslagen linjerad anteckningsbok med penna", EN: "Open ruled notebook with a pencil"}, of: []int{1}},
				{name: "anteckningsbok-linje-rutad", alt: loc{SV: "Uppslagen rutad anteckningsbok med penna", EN: "Open squared notebook with a pencil"}, of: []int{2}},
				{name: "anteckningsbok-linje-blank", alt: loc{SV: "Uppslagen blank anteckningsbok med en tecknad kvist", EN: "Open blank notebook with a drawn twig"}, of: []int{3}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(paperStuff), in(green)),
		},
		{
			// Nobody has judged yet whether it needs a warning: it waits in the back office.
			handle: "vaggalmanacka-2027", categories: []string{"papper"}, tags: []string{"skriva"}, hold: true,
			sv:       words{title: "Väggalmanacka 2027", text: "Ett tecknat blad per månad, plats att skriva. 30 × 45 cm, list av björk och snöre att hänga i.\n\nTryckt i Boksta. Veckan börjar på måndag."},
			en:       words{title: "Wall calendar 2027", text: "A drawn sheet for each month, with room to write, in Swedish. 30 × 45 cm, a rail of birch and a string to hang it by.\n\nPrinted in Boksta. The week begins on Monday."},
			core:     catalog.Core{Brand: "Förlaget Kvist", Maker: press},
			variants: []variant{{sku: "FK-3601", price: 18900, weight: 210, size: [3]int64{460, 310, 20}, stock: 75}},
			pictures: []picture{{name: "vaggalmanacka-2027", alt: loc{SV: "Väggalmanacka för januari 2027 med en domherre", EN: "Wall calendar for January 2027 with a bullfinch"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(paperStuff)),
		},
	}
}

func childrenGoods() []good {
	toy := []catalog.Regime{catalog.RegimeToy}
	return []good{
		{
			handle: "dragdjur-igelkott", categories: []string{"barn", "leksaker"}, tags: []string{"leksak", "utvalt"},
			sv:       words{title: "Dragdjur Igelkott", text: "Målad björk som gungar när den rullar. 18 cm lång, från ett år, CE-märkt.\n\nTorka av med fuktig trasa. Svarvad i Lekeby. Följer med ut i hallen.", warnings: []string{"Varning! Snöret är längre än 22 cm: risk för strypning. Får inte användas i säng eller lekhage."}},
			en:       words{title: "Hedgehog pull-along", text: "Painted birch that rocks as it rolls. 18 cm long, from one year, CE-marked.\n\nWipe with a damp cloth. Turned in Lekeby. It follows you out into the hall.", warnings: []string{"Warning! The cord is longer than 22 cm: strangulation hazard. Not to be used in a bed or playpen."}},
			core:     catalog.Core{Brand: "Lekstugan", Maker: toys, Regimes: toy, MinAge: 1},
			variants: []variant{{sku: "FK-3701", price: 32900, weight: 380, size: [3]int64{190, 100, 130}, stock: 85}},
			pictures: []picture{{name: "dragdjur-igelkott", alt: loc{SV: "Igelkott av trä på röda hjul med dragsnöre", EN: "Wooden hedgehog on red wheels with a cord"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(birchWood), in(brown, red)),
		},
		{
			handle: "pussel-fyra-arstider", categories: []string{"barn", "leksaker"}, tags: []string{"leksak"},
			sv:       words{title: "Pussel Fyra årstider", text: "Fyrtioåtta bitar i trälåda: samma träd, fyra gånger. 30 × 28 cm färdigt.\n\nSågat i Lekeby. Vintern är svårast.", warnings: []string{"Varning! Ej lämplig för barn under 3 år. Smådelar."}},
			en:       words{title: "Four seasons puzzle", text: "Forty-eight pieces in a wooden tray: the same tree, four times. 30 × 28 cm when done.\n\nSawn in Lekeby. Winter is the hardest.", warnings: []string{"Warning! Not suitable for children under 3 years. Small parts."}},
			core:     catalog.Core{Brand: "Lekstugan", Maker: toys, Regimes: toy, MinAge: 3},
			variants: []variant{{sku: "FK-3801", price: 19900, weight: 450, size: [3]int64{330, 310, 20}, stock: 62}},
			pictures: []picture{{name: "pussel-fyra-arstider", alt: loc{SV: "Pussel i trälåda med ett träd i fyra årstider", EN: "Puzzle in a wooden tray with a tree in four seasons"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(birchWood)),
		},
		{
			handle: "barnforklade-degig", categories: []string{"barn", "kok"}, tags: []string{"bak"},
			sv:      words{title: "Barnförkläde Degig", text: "Bomull med ficka för en träslev. Nackbandet har tryckknapp och släpper vid ett ryck.\n\nTvättas i 60 grader. Sytt i Randa. Fläckarna är halva nöjet.", materials: "100 % bomull"},
			en:      words{title: "Degig children's apron", text: "Cotton with a pocket for a wooden spoon. The neck strap has a press stud and gives way at a tug.\n\nWash at 60 degrees. Sewn in Randa. The stains are half the fun.", materials: "100 % cotton"},
			core:    catalog.Core{Brand: "Randa", Maker: weaver, NoWarnings: true, Regimes: []catalog.Regime{catalog.RegimeTextile}, MinAge: 2},
			options: []loc{optAge},
			variants: []variant{
				{sku: "FK-3901", choices: []loc{{SV: "2–4 år", EN: "2–4 years"}}, price: 17900, weight: 110, size: [3]int64{240, 180, 15}, stock: 44},
				{sku: "FK-3902", choices: []loc{{SV: "5–8 år", EN: "5–8 years"}}, price: 17900, weight: 130, size: [3]int64{260, 190, 15}, stock: 39},
			},
			pictures: []picture{{name: "barnforklade-degig", alt: loc{SV: "Barnförkläde med hjärtan och en träslev i fickan", EN: "Child's apron with hearts and a wooden spoon in its pocket"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(cotton), in(natural, yellow)),
		},
		{
			handle: "kritor-bivax", categories: []string{"barn", "papper", "leksaker"}, tags: []string{"leksak", "rita"},
			sv:       words{title: "Kritor Bivax", text: "Tolv färger i burk, från tre år. Nio centimeter långa och för tjocka för att gå av.\n\nGjutna i Finland. Går bort från bord, inte från tapeter.", warnings: []string{"Varning! Ej lämplig för barn under 3 år. Smådelar kan lossna."}},
			en:       words{title: "Beeswax crayons", text: "Twelve colours in a tin, from three years. Nine centimetres long and too stout to snap.\n\nCast in Finland. They come off tables, not off wallpaper.", warnings: []string{"Warning! Not suitable for children under 3 years. Small parts may come loose."}},
			core:     catalog.Core{Brand: "Vahaliitu", Maker: crayon, Regimes: []catalog.Regime{catalog.RegimeToy, catalog.RegimeMeasure}, Unit: "piece", Content: 12_000, MinAge: 3},
			variants: []variant{{sku: "FK-4001", price: 14900, weight: 160, size: [3]int64{150, 100, 20}, stock: 115}},
			pictures: []picture{{name: "kritor-bivax", alt: loc{SV: "Bivaxkritor i plåtburk, två bredvid", EN: "Beeswax crayons in a tin, two beside it"}}},
			values:   facts([]catalog.NewValue{made(finland)}, of(beeswax)),
		},
	}
}
