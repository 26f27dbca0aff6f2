package goods

import "kassavalv/internal/shop/catalog"

func kitchenGoods() []good {
	return []good{
		{
			handle: "stekpanna-glod", categories: []string{"kok"}, tags: []string{"gjutjärn", "spis"},
			sv: words{title: "Stekpanna Glöd", text: "Gjutjärn med två pipar, inbränd med rapsolja och klar att använda. Passar alla spisar, även induktion, och tål ugn.\n\nTorka ur med papper, skölj med varmt vatten och torka genast. Gjuten i Brinneby. Den blir bättre för varje ägg.",
				warnings: []string{"Handtaget blir hett på spisen och i ugnen. Använd grytlapp."}},
			en: words{title: "Glöd frying pan", text: "Cast iron with two spouts, seasoned with rapeseed oil and ready to use. It suits every hob, induction too, and goes in the oven.\n\nWipe with paper, rinse with warm water and dry at once. Cast in Brinneby. It gets better with every egg.",
				warnings: []string{"The handle gets hot on the hob and in the oven. Use a pot holder."}},
			core: catalog.Core{Brand: "Brinneby", Maker: foundry}, options: []loc{optSize},
			variants: []variant{
				{sku: "FK-0101", choices: []loc{{SV: "24 cm", EN: "24 cm"}}, price: 69500, weight: 2600, size: [3]int64{430, 270, 60}, stock: 48},
				{sku: "FK-0102", choices: []loc{{SV: "28 cm", EN: "28 cm"}}, price: 89500, weight: 3400, size: [3]int64{480, 310, 65}, stock: 31},
			},
			pictures: []picture{{name: "stekpanna-glod", alt: loc{SV: "Svart stekpanna i gjutjärn, sedd uppifrån", EN: "Black cast-iron frying pan seen from above"}}},
			values:   facts([]catalog.NewValue{made(sweden), washable(false)}, of(castIron), in(black)),
		},
		{
			handle: "skarbrada-ande", categories: []string{"kok"}, tags: []string{"trä"},
			sv:      words{title: "Skärbräda Ände", text: "Ändträ av oljad ek med fasade greppkanter. Den lilla mäter 36 × 24 cm, den stora 46 × 32 cm; båda är 4 cm tjocka.\n\nTorka av, diska inte i maskin och olja in någon gång om året. Limmad och slipad på Änggården. Knivarna märker skillnaden.\n\nMed namn bränner vi in högst åtta bokstäver. En sådan bräda gör vi åt dig och den går inte att ångra."},
			en:      words{title: "Ände chopping board", text: "End grain of oiled oak with bevelled grips. The small one measures 36 × 24 cm, the large one 46 × 32 cm; both are 4 cm thick.\n\nWipe clean, keep it out of the dishwasher and oil it once or twice a year. Glued and sanded at Änggården. Your knives will notice.\n\nWith a name we burn in up to eight letters. Such a board is made for you and cannot be withdrawn from."},
			core:    catalog.Core{Brand: "Änggården", Maker: joiner, NoWarnings: true},
			options: []loc{optSize, optName},
			variants: []variant{
				{sku: "FK-0201", choices: []loc{{SV: "Liten", EN: "Small"}, {SV: "Utan namn", EN: "Without a name"}}, price: 44900, weight: 1300, size: [3]int64{370, 250, 50}, stock: 26},
				{sku: "FK-0202", choices: []loc{{SV: "Stor", EN: "Large"}, {SV: "Utan namn", EN: "Without a name"}}, price: 64900, weight: 2100, size: [3]int64{470, 330, 50}, stock: 18},
				{sku: "FK-0203", choices: []loc{{SV: "Liten", EN: "Small"}, {SV: "Med namn", EN: "With a name"}}, price: 59900, weight: 1300, size: [3]int64{370, 250, 50}, mode: untracked, custom: true},
				{sku: "FK-0204", choices: []loc{{SV: "Stor", EN: "Large"}, {SV: "Med namn", EN: "With a name"}}, price: 79900, weight: 2100, size: [3]int64{470, 330, 50}, mode: untracked, custom: true},
			},
			pictures: []picture{
				{name: "skarbrada-ande", alt: loc{SV: "Skärbräda av ändträ i ek, rutor med årsringar", EN: "End-grain oak chopping board, squares with year rings"}, of: []int{1, 2}},
				{name: "skarbrada-ande-namn", alt: loc{SV: "Skärbrädan med ett inbränt namn", EN: "The chopping board with a name burnt in"}, of: []int{3, 4}},
			},
			values: facts([]catalog.NewValue{made(sweden), washable(false)}, of(oakWood), in(brown)),
		},
		{
			handle: "smorkniv-en", categories: []string{"kok"}, tags: []string{"trä", "gåva", "utvalt"},
			sv:       words{title: "Smörkniv En", text: "Täljd i en, så ingen kniv får samma ådring. 17 cm lång, oljad med kallpressad linolja.\n\nDiska för hand och låt torka liggande. Täljd i Enbacken. Luktar svagt av skog den första veckan."},
			en:       words{title: "En butter knife", text: "Carved from juniper, so no two have the same grain. 17 cm long, oiled with cold-pressed linseed oil.\n\nWash by hand and let it dry lying down. Carved in Enbacken. It smells faintly of forest for the first week."},
			core:     catalog.Core{Brand: "Enbacken", Maker: carver, NoWarnings: true},
			variants: []variant{{sku: "FK-0301", price: 11900, weight: 20, size: [3]int64{175, 30, 10}, stock: 400}},
			pictures: []picture{{name: "smorkniv-en", alt: loc{SV: "Smörkniv av en på en vikt linneduk", EN: "Juniper butter knife on a folded linen cloth"}}},
			values:   facts([]catalog.NewValue{made(sweden), washable(false)}, of(juniper), in(brown)),
		},
		{
			handle: "kokshandduk-randa", categories: []string{"kok", "textil", "linne"}, tags: []string{"gåva"},
			sv:      words{title: "Kökshandduk Randa", text: "Halvlinne, 50 × 70 cm, med hank i bandets färg. Tvättas i 60 grader och torkar bäst hängande.\n\nVävd i Randa. Luddar inte på glas.", materials: "50 % lin, 50 % bomull"},
			en:      words{title: "Randa tea towel", text: "Half linen, 50 × 70 cm, with a loop in the colour of its stripe. Wash at 60 degrees; it dries best on a hook.\n\nWoven in Randa. Leaves no lint on glass.", materials: "50 % linen, 50 % cotton"},
			core:    catalog.Core{Brand: "Randa", Maker: weaver, NoWarnings: true, Regimes: []catalog.Regime{catalog.RegimeTextile}},
			options: []loc{optColour},
			variants: []variant{
				{sku: "FK-0401", choices: []loc{blue}, price: 12900, weight: 95, size: [3]int64{250, 180, 10}, stock: 140},
				{sku: "FK-0402", choices: []loc{red}, price: 12900, weight: 95, size: [3]int64{250, 180, 10}, stock: 120},
				{sku: "FK-0403", choices: []loc{natural}, price: 12900, weight: 95, size: [3]int64{250, 180, 10}, stock: 0},
			},
			pictures: []picture{
				{name: "kokshandduk-randa-bla", alt: loc{SV: "Kökshandduk med blå ränder på en krok", EN: "Tea towel with blue stripes on a peg"}, of: []int{1}},
				{name: "kokshandduk-randa-rod", alt: loc{SV: "Kökshandduk med röda ränder på en krok", EN: "Tea towel with red stripes on a peg"}, of: []int{2}},
				{name: "kokshandduk-randa-natur", alt: loc{SV: "Kökshandduk med naturfärgade ränder på en krok", EN: "Tea towel with natural stripes on a peg"}, of: []int{3}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(linenCloth, cotton), in(blue, red, natural)),
		},
	}
}

// The glazes of the pottery.
var (
	oat       = loc{SV: "Havre", EN: "Oat"}
	mossG     = loc{SV: "Mossa", EN: "Moss"}
	midnightG = loc{SV: "Midnatt", EN: "Midnight"}
)

func tableGoods() []good {
	cm22, cm27 := loc{SV: "22 cm", EN: "22 cm"}, loc{SV: "27 cm", EN: "27 cm"}
	return []good{
		{
			handle: "mugg-drej", categories: []string{"dukning", "keramik"}, tags: []string{"keramik", "gåva", "utvalt"},
			sv:      words{title: "Mugg Drej", text: "Drejat stengods, 30 cl, där glasyren skiftar från mugg till mugg. Tål diskmaskin och mikrovågsugn.\n\nDrejad i Lerbo. Örat har plats för tre fingrar.\n\nB-varan har en fläck utan glasyr på utsidan. Den går lika bra att dricka ur."},
			en:      words{title: "Drej mug", text: "Thrown stoneware, 30 cl, its glaze a little different on each. Dishwasher- and microwave-safe.\n\nThrown in Lerbo. The handle has room for three fingers.\n\nThe second has a spot without glaze on the outside. It is just as good to drink from."},
			core:    catalog.Core{Brand: "Drejstugan", Maker: potter, NoWarnings: true},
			options: []loc{optGlaze},
			variants: []variant{
				{sku: "FK-0501", choices: []loc{oat}, price: 24900, weight: 340, size: [3]int64{130, 95, 100}, stock: 220},
				{sku: "FK-0502", choices: []loc{mossG}, price: 24900, weight: 340, size: [3]int64{130, 95, 100}, stock: 160},
				{sku: "FK-0503", choices: []loc{midnightG}, price: 24900, weight: 340, size: [3]int64{130, 95, 100}, stock: 150},
				{sku: "FK-0504", choices: []loc{{SV: "Havre, B-vara", EN: "Oat, second"}}, price: 16900, weight: 340, size: [3]int64{130, 95, 100}, stock: 6,
					flaw: loc{SV: "En fläck utan glasyr på utsidan, ungefär en centimeter.", EN: "A spot without glaze on the outside, about a centimetre."}},
			},
			pictures: []picture{
				{name: "mugg-drej-havre", alt: loc{SV: "Mugg med havrefärgad glasyr och bar lera nertill", EN: "Mug with oat glaze and bare clay at the foot"}, of: []int{1}},
				{name: "mugg-drej-mossa", alt: loc{SV: "Mugg med mossgrön glasyr", EN: "Mug with moss-green glaze"}, of: []int{2}},
				{name: "mugg-drej-midnatt", alt: loc{SV: "Mugg med midnattsblå glasyr", EN: "Mug with midnight-blue glaze"}, of: []int{3}},
				{name: "mugg-drej-b-vara", alt: loc{SV: "B-varan: en fläck utan glasyr på utsidan", EN: "The second: a spot without glaze on the outside"}, of: []int{4}},
			},
			values: facts([]catalog.NewValue{made(sweden), washable(true)}, of(stoneware), in(natural, green, blue)),
		},
		{
			handle: "tallrik-drej", categories: []string{"dukning", "keramik"}, tags: []string{"keramik"},
			sv:      words{title: "Tallrik Drej", text: "Tallrik i samma lera som muggen, tål diskmaskin. 22 cm för smörgås och soppa, 27 cm för middag.\n\nDrejad i Lerbo. De staplas utan att slamra."},
			en:      words{title: "Drej plate", text: "A plate of the same clay as the mug, dishwasher-safe. 22 cm for sandwiches and soup, 27 cm for dinner.\n\nThrown in Lerbo. They stack without a clatter."},
			core:    catalog.Core{Brand: "Drejstugan", Maker: potter, NoWarnings: true},
			options: []loc{optGlaze, optSize},
			variants: []variant{
				{sku: "FK-0601", choices: []loc{oat, cm22}, price: 27900, weight: 620, size: [3]int64{230, 230, 30}, stock: 80},
				{sku: "FK-0602", choices: []loc{oat, cm27}, price: 34900, weight: 950, size: [3]int64{280, 280, 35}, stock: 64},
				{sku: "FK-0603", choices: []loc{mossG, cm22}, price: 27900, weight: 620, size: [3]int64{230, 230, 30}, stock: 52},
				{sku: "FK-0604", choices: []loc{mossG, cm27}, price: 34900, weight: 950, size: [3]int64{280, 280, 35}, stock: 40},
				{sku: "FK-0605", choices: []loc{midnightG, cm22}, price: 27900, weight: 620, size: [3]int64{230, 230, 30}, stock: 44},
				{sku: "FK-0606", choices: []loc{midnightG, cm27}, price: 34900, weight: 950, size: [3]int64{280, 280, 35}, stock: 3},
			},
			pictures: []picture{
				{name: "tallrik-drej-havre", alt: loc{SV: "Tallrik med havrefärgad glasyr, sedd uppifrån", EN: "Plate with oat glaze seen from above"}, of: []int{1, 2}},
				{name: "tallrik-drej-mossa", alt: loc{SV: "Tallrik med mossgrön glasyr, sedd uppifrån", EN: "Plate with moss-green glaze seen from above"}, of: []int{3, 4}},
				{name: "tallrik-drej-midnatt", alt: loc{SV: "Tallrik med midnattsblå glasyr, sedd uppifrån", EN: "Plate with midnight-blue glaze seen from above"}, of: []int{5, 6}},
			},
			values: facts([]catalog.NewValue{made(sweden), washable(true)}, of(stoneware), in(natural, green, blue)),
		},
		{
			handle: "karaff-kalla", categories: []string{"dukning"}, tags: []string{"glas", "gåva"},
			sv:       words{title: "Karaff Källa", text: "Munblåst klarglas, en liter, med propp av ek. 26 cm hög med proppen i.\n\nDiska för hand. Blåst i Källefors. Halsen är lagom för en hand, inte för två.", warnings: []string{"Glas går sönder om det utsätts för hastiga temperaturväxlingar."}},
			en:       words{title: "Källa carafe", text: "Mouth-blown clear glass, one litre, with an oak stopper. 26 cm tall with the stopper in.\n\nWash by hand. Blown in Källefors. The neck fits one hand, not two.", warnings: []string{"Glass breaks under sudden changes of temperature."}},
			core:     catalog.Core{Brand: "Källefors", Maker: glass},
			variants: []variant{{sku: "FK-0701", price: 49500, weight: 720, size: [3]int64{280, 130, 130}, stock: 57}},
			pictures: []picture{{name: "karaff-kalla", alt: loc{SV: "Karaff av klarglas med vatten och propp av ek", EN: "Clear glass carafe with water and an oak stopper"}}},
			values:   facts([]catalog.NewValue{made(sweden), washable(false)}, of(glassware, oakWood)),
		},
		{
			handle: "bordslopare-strandrag", categories: []string{"dukning", "textil", "linne"}, tags: []string{"lin"},
			sv:      words{title: "Bordslöpare Strandråg", text: "Tvättat lin, 45 × 150 cm, skrynklig med flit. Kortsidorna har en frans på tre centimeter.\n\nTvättas i 40 grader och behöver inte strykas. Vävd i Randa. Den klär sig för middag utan strykjärn.", materials: "100 % lin"},
			en:      words{title: "Strandråg table runner", text: "Washed linen, 45 × 150 cm, creased on purpose. The short ends have a three-centimetre fringe.\n\nWash at 40 degrees; no ironing needed. Woven in Randa. It dresses for dinner without an iron.", materials: "100 % linen"},
			core:    catalog.Core{Brand: "Randa", Maker: weaver, NoWarnings: true, Regimes: []catalog.Regime{catalog.RegimeTextile}},
			options: []loc{optColour},
			variants: []variant{
				{sku: "FK-0801", choices: []loc{{SV: "Sand", EN: "Sand"}}, price: 54500, weight: 210, size: [3]int64{240, 160, 30}, stock: 38},
				{sku: "FK-0802", choices: []loc{{SV: "Rost", EN: "Rust"}}, price: 54500, weight: 210, size: [3]int64{240, 160, 30}, stock: 35},
				{sku: "FK-0803", choices: []loc{{SV: "Skiffer", EN: "Slate"}}, price: 54500, weight: 210, size: [3]int64{240, 160, 30}, stock: 29},
			},
			pictures: []picture{
				{name: "bordslopare-strandrag-sand", alt: loc{SV: "Sandfärgad bordslöpare på ett bord av ask", EN: "Sand-coloured runner on an ash table"}, of: []int{1}},
				{name: "bordslopare-strandrag-rost", alt: loc{SV: "Roströd bordslöpare på ett bord av ask", EN: "Rust-red runner on an ash table"}, of: []int{2}},
				{name: "bordslopare-strandrag-skiffer", alt: loc{SV: "Skiffergrå bordslöpare på ett bord av ask", EN: "Slate-grey runner on an ash table"}, of: []int{3}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(linenCloth), in(natural, red, grey)),
		},
	}
}

func textileGoods() []good {
	fifty, forty := loc{SV: "50 × 50 cm", EN: "50 × 50 cm"}, loc{SV: "40 × 60 cm", EN: "40 × 60 cm"}
	mustard := loc{SV: "Senap", EN: "Mustard"}
	return []good{
		{
			handle: "plad-vinterull", categories: []string{"textil"}, tags: []string{"ull", "gåva", "utvalt"},
			sv:      words{title: "Pläd Vinterull", text: "Vävd i ull med knuten frans, 130 × 180 cm utan fransen. Väger strax under ett kilo.\n\nVädra ofta, tvätta sällan och då på ullprogram i 30 grader. Vävd i Vinterby. Två ryms under den om man tycker om varandra.", materials: "100 % ull"},
			en:      words{title: "Vinterull throw", text: "Woven in wool with a knotted fringe, 130 × 180 cm without the fringe. It weighs just under a kilo.\n\nAir it often, wash it rarely and then on a wool programme at 30 degrees. Woven in Vinterby. There is room for two who like each other.", materials: "100 % wool"},
			core:    catalog.Core{Brand: "Vinterby", Maker: woollen, NoWarnings: true, Regimes: []catalog.Regime{catalog.RegimeTextile}},
			options: []loc{optColour},
			variants: []variant{
				{sku: "FK-0901", choices: []loc{{SV: "Lingon", EN: "Lingonberry"}}, price: 129500, weight: 980, size: [3]int64{380, 300, 110}, stock: 34},
				{sku: "FK-0902", choices: []loc{{SV: "Gran", EN: "Spruce"}}, price: 129500, weight: 980, size: [3]int64{380, 300, 110}, stock: 41},
				{sku: "FK-0903", choices: []loc{{SV: "Gråsten", EN: "Grey stone"}}, price: 129500, weight: 980, size: [3]int64{380, 300, 110}, stock: 37},
			},
			pictures: []picture{
				{name: "plad-vinterull-lingon", alt: loc{SV: "Hopvikt rutig ullpläd i lingonrött med frans", EN: "Folded checked wool throw in lingonberry red with a fringe"}, of: []int{1}},
				{name: "plad-vinterull-gran", alt: loc{SV: "Hopvikt rutig ullpläd i grangrönt med frans", EN: "Folded checked wool throw in spruce green with a fringe"}, of: []int{2}},
				{name: "plad-vinterull-grasten", alt: loc{SV: "Hopvikt rutig ullpläd i grått med frans", EN: "Folded checked wool throw in grey with a fringe"}, of: []int{3}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(wool), in(red, green, grey)),
		},
		{
			handle: "kuddfodral-sav", categories: []string{"textil", "linne"}, tags: []string{"lin"},
			sv:      words{title: "Kuddfodral Säv", text: "Grovt lin med dold dragkedja i nederkant. Innerkudde ingår inte.\n\nTvättas ut och in i 40 grader. Sytt i Randa. Mjuknar efter tredje tvätten.", materials: "100 % lin"},
			en:      words{title: "Säv cushion cover", text: "Coarse linen with a concealed zip along the lower edge. The inner cushion is not included.\n\nWash inside out at 40 degrees. Sewn in Randa. It softens after the third wash.", materials: "100 % linen"},
			core:    catalog.Core{Brand: "Randa", Maker: weaver, NoWarnings: true, Regimes: []catalog.Regime{catalog.RegimeTextile}},
			options: []loc{optColour, optSize},
			variants: []variant{
				{sku: "FK-1001", choices: []loc{natural, fifty}, price: 34900, weight: 190, size: [3]int64{260, 260, 20}, stock: 46},
				{sku: "FK-1002", choices: []loc{natural, forty}, price: 34900, weight: 190, size: [3]int64{310, 210, 20}, stock: 33},
				{sku: "FK-1003", choices: []loc{mustard, fifty}, price: 34900, weight: 190, size: [3]int64{260, 260, 20}, stock: 27},
				{sku: "FK-1004", choices: []loc{mustard, forty}, price: 34900, weight: 190, size: [3]int64{310, 210, 20}, stock: 0},
			},
			pictures: []picture{
				{name: "kuddfodral-sav-natur-50", alt: loc{SV: "Fyrkantig kudde i naturfärgat lin", EN: "Square cushion in natural linen"}, of: []int{1}},
				{name: "kuddfodral-sav-natur-40", alt: loc{SV: "Avlång kudde i naturfärgat lin", EN: "Oblong cushion in natural linen"}, of: []int{2}},
				{name: "kuddfodral-sav-senap-50", alt: loc{SV: "Fyrkantig kudde i senapsgult lin", EN: "Square cushion in mustard linen"}, of: []int{3}},
				{name: "kuddfodral-sav-senap-40", alt: loc{SV: "Avlång kudde i senapsgult lin", EN: "Oblong cushion in mustard linen"}, of: []int{4}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(linenCloth), in(natural, yellow)),
		},
		{
			handle: "handduk-vassbo", categories: []string{"textil", "bad-och-tvatt"}, tags: []string{"bad"},
			sv:      words{title: "Handduk Vassbo", text: "Våfflad bomull och lin som torkar fort. 50 × 90 cm för handfatet, 90 × 150 cm för badet.\n\nTvättas i 60 grader utan sköljmedel. Vävd i Randa. Tar liten plats i väskan.", materials: "60 % bomull, 40 % lin"},
			en:      words{title: "Vassbo towel", text: "Waffled cotton and linen that dries fast. 50 × 90 cm for the basin, 90 × 150 cm for the bath.\n\nWash at 60 degrees without softener. Woven in Randa. It takes little room in a bag.", materials: "60 % cotton, 40 % linen"},
			core:    catalog.Core{Brand: "Randa", Maker: weaver, NoWarnings: true, Regimes: []catalog.Regime{catalog.RegimeTextile}},
			options: []loc{optSize},
			variants: []variant{
				{sku: "FK-1101", choices: []loc{{SV: "50 × 90 cm", EN: "50 × 90 cm"}}, price: 18900, weight: 160, size: [3]int64{260, 180, 40}, stock: 90},
				{sku: "FK-1102", choices: []loc{{SV: "90 × 150 cm", EN: "90 × 150 cm"}}, price: 42900, weight: 520, size: [3]int64{320, 240, 70}, stock: 55},
			},
			pictures: []picture{{name: "handduk-vassbo", alt: loc{SV: "Tre vikta våffelhanddukar i en stapel", EN: "Three folded waffle towels in a pile"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(cotton, linenCloth), in(whiteCol, natural, green)),
		},
		{
			handle: "vaxduk-korsbar", categories: []string{"textil", "dukning"}, tags: []string{"metervara"},
			sv:       words{title: "Vaxduk Körsbär", text: "Metervara, 140 cm bred, säljs per halvmeter. Beställer du flera delar klipper vi dem i ett stycke.\n\nTorkas av med fuktig trasa och tål inte heta kastruller. Tryckt i Turkiet. Tål saft.", materials: "Bomullsväv med yta av polyvinylklorid"},
			en:       words{title: "Körsbär oilcloth", text: "By the metre, 140 cm wide, sold by the half metre. If you order several we cut them in one piece.\n\nWipe with a damp cloth and keep hot pans off it. Printed in Türkiye. It puts up with cordial.", materials: "Cotton cloth coated with polyvinyl chloride"},
			core:     catalog.Core{Brand: "Kiraz", Maker: oilcloth, MakerOutsideEU: true, EUResponsible: house, NoWarnings: true, Regimes: []catalog.Regime{catalog.RegimeMeasure, catalog.RegimeTextile}, Unit: "m", Content: 500},
			variants: []variant{{sku: "FK-1201", price: 9900, weight: 260, size: [3]int64{400, 80, 80}, stock: 180}},
			pictures: []picture{{name: "vaxduk-korsbar", alt: loc{SV: "Rulle med vaxduk med körsbär", EN: "Roll of oilcloth with cherries"}}},
			values:   facts([]catalog.NewValue{made(turkey)}, of(pvc), in(red, whiteCol)),
		},
	}
}
