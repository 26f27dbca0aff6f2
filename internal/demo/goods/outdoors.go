package goods

import (
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

func lightGoods() []good {
	return []good{
		{
			handle: "blockljus-kvall", categories: []string{"ljus-och-lampor"}, tags: []string{"ljus"},
			sv: words{title: "Blockljus Kväll", text: "Stearin, brinner i ungefär 40 timmar. 7 cm i diameter, 15 cm högt.\n\nKorta veken till en centimeter innan du tänder och låt ljuset brinna ut till kanten första gången. Stöpt i Kväll.",
				materials: "100 % stearin", warnings: []string{"Lämna aldrig ett brinnande ljus utan uppsikt.", "Håll utom räckhåll för barn och husdjur och på avstånd från sådant som kan brinna."}},
			en: words{title: "Kväll block candle", text: "Stearin, burns for about 40 hours. 7 cm across, 15 cm tall.\n\nTrim the wick to a centimetre before you light it and let it melt out to the edge the first time. Cast in Kväll.",
				materials: "100 % stearin", warnings: []string{"Never leave a burning candle unattended.", "Keep away from children and pets and from anything that can catch fire."}},
			core:    catalog.Core{Brand: "Kvällens", Maker: candler},
			options: []loc{optColour},
			variants: []variant{
				{sku: "FK-1301", choices: []loc{{SV: "Naturvit", EN: "Off-white"}}, price: 8900, weight: 430, size: [3]int64{160, 75, 75}, stock: 210},
				{sku: "FK-1302", choices: []loc{{SV: "Mörkgrön", EN: "Dark green"}}, price: 8900, weight: 430, size: [3]int64{160, 75, 75}, stock: 130},
			},
			pictures: []picture{
				{name: "blockljus-kvall-naturvit", alt: loc{SV: "Tänt naturvitt blockljus på ett lerfat", EN: "Lit off-white block candle on a clay dish"}, of: []int{1}},
				{name: "blockljus-kvall-morkgron", alt: loc{SV: "Tänt mörkgrönt blockljus på ett lerfat", EN: "Lit dark-green block candle on a clay dish"}, of: []int{2}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(stearin), in(whiteCol, green)),
		},
		{
			handle: "lykta-fyr", categories: []string{"ljus-och-lampor"}, tags: []string{"ljus", "utvalt"},
			sv: words{title: "Lykta Fyr", text: "Galvad plåt och glas, för blockljus upp till 8 cm. 38 cm hög med ringen, 21 cm bred.\n\nTål regn och frost. Byggd i Fyrviken. Står lika gärna på trappan som på bordet.",
				warnings: []string{"Taket och glaset blir heta. Lyft i ringen först när lyktan svalnat.", "Lämna aldrig ett brinnande ljus utan uppsikt."}},
			en: words{title: "Fyr lantern", text: "Galvanised sheet and glass, for block candles up to 8 cm. 38 cm tall with its ring, 21 cm wide.\n\nBears rain and frost. Built in Fyrviken. As happy on the steps as on the table.",
				warnings: []string{"The roof and the glass get hot. Lift by the ring only once it has cooled.", "Never leave a burning candle unattended."}},
			core:     catalog.Core{Brand: "Fyrviken", Maker: tinsmith},
			variants: []variant{{sku: "FK-1401", price: 39500, weight: 1350, size: [3]int64{390, 220, 220}, stock: 120}},
			pictures: []picture{{name: "lykta-fyr", alt: loc{SV: "Lykta av galvad plåt med ett tänt ljus bakom glaset", EN: "Galvanised lantern with a lit candle behind its glass"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(zincSheet, glassware), in(grey)),
		},
		{
			handle: "bordslampa-lur", categories: []string{"ljus-och-lampor"}, tags: []string{"lampa"},
			sv: words{title: "Bordslampa Lur", text: "Skärm av vikt papper på fot av svarvad ask, två meter tygsladd, sockel E14. 46 cm hög. Ljuskälla ingår inte.\n\nDammas av med en torr pensel. Byggd i Tranan. Lyser som en kväll utan planer.\n\nElavfall: lämna den uttjänta lampan på en återvinningscentral. Vi tar emot en likvärdig gammal när du köper en ny.",
				warnings: []string{"Högst 25 W. Endast för inomhusbruk."}},
			en: words{title: "Lur table lamp", text: "A shade of folded paper on a foot of turned ash, two metres of fabric cord, socket E14. 46 cm tall. Bulb not included.\n\nDust with a dry brush. Built in Tranan. It shines like an evening without plans.\n\nElectrical waste: take the worn-out lamp to a recycling centre. We take back an equivalent old one when you buy a new.",
				warnings: []string{"25 W at most. For indoor use only."}},
			core:    catalog.Core{Brand: "Lysverket", Maker: lamps, Regimes: []catalog.Regime{catalog.RegimeElectrical}},
			options: []loc{{SV: "Skärm", EN: "Shade"}},
			variants: []variant{
				{sku: "FK-1501", choices: []loc{whiteCol}, price: 89500, weight: 1200, size: [3]int64{480, 300, 300}, stock: 24},
				{sku: "FK-1502", choices: []loc{{SV: "Ockra", EN: "Ochre"}}, price: 89500, weight: 1200, size: [3]int64{480, 300, 300}, stock: 19},
			},
			pictures: []picture{
				{name: "bordslampa-lur-vit", alt: loc{SV: "Tänd bordslampa med vit veckad pappersskärm", EN: "Lit table lamp with a white pleated paper shade"}, of: []int{1}},
				{name: "bordslampa-lur-ockra", alt: loc{SV: "Tänd bordslampa med ockragul veckad pappersskärm", EN: "Lit table lamp with an ochre pleated paper shade"}, of: []int{2}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(paperStuff, ash), in(whiteCol, yellow)),
		},
		{
			handle: "ljuskalla-e14", categories: []string{"ljus-och-lampor"}, tags: []string{"lampa"},
			sv: words{title: "Ljuskälla E14, 4 W", text: "Varmvit LED som går att dimra. 470 lumen, 2 700 kelvin, 98 mm lång.\n\nPassar Bordslampa Lur. Kontrollerad i Tranan. Säger inte ett ljud.\n\nElavfall: lämna den på en återvinningscentral, inte bland glaset.",
				warnings: []string{"Bryt strömmen innan du byter ljuskälla."}},
			en: words{title: "E14 bulb, 4 W", text: "Warm-white LED that can be dimmed. 470 lumens, 2,700 kelvin, 98 mm long.\n\nFits the Lur table lamp. Tested in Tranan. Does not make a sound.\n\nElectrical waste: take it to a recycling centre, not to the glass bank.",
				warnings: []string{"Switch off the power before changing the bulb."}},
			core:     catalog.Core{Brand: "Lysverket", Maker: lamps, Regimes: []catalog.Regime{catalog.RegimeEnergy, catalog.RegimeElectrical}, EnergyClass: "E"},
			variants: []variant{{sku: "FK-1601", price: 6900, weight: 35, size: [3]int64{110, 40, 40}, stock: 300}},
			pictures: []picture{
				{name: "ljuskalla-e14", alt: loc{SV: "Kronljusformad LED-lampa med liten sockel", EN: "Candle-shaped LED bulb with a small socket"}},
				{name: "energimarkning-e14", kind: catalog.EnergyLabel, alt: loc{SV: "Energimärkning: klass E, 4 kWh per 1 000 timmar", EN: "Energy label: class E, 4 kWh per 1,000 hours"}},
				{name: "produktblad-e14", kind: catalog.ProductSheet, alt: loc{SV: "Produktblad för ljuskällan", EN: "Product information sheet of the light source"}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(glassware)),
		},
	}
}

func gardenGoods() []good {
	return []good{
		{
			handle: "kruka-aker", categories: []string{"tradgard"}, tags: []string{"odling"},
			sv:      words{title: "Kruka Åker", text: "Terrakotta med hål i botten, ställ in före frosten. Måttet är den övre diametern.\n\nBlötlägg krukan en timme före första planteringen. Drejad och bränd i Polen. Kalkränderna kommer av sig själva."},
			en:      words{title: "Åker pot", text: "Terracotta with a hole in its base; take it in before the frost. The size is the upper diameter.\n\nSoak the pot for an hour before planting the first time. Thrown and fired in Poland. The lime marks come by themselves."},
			core:    catalog.Core{Brand: "Pole", Maker: pottery, NoWarnings: true},
			options: []loc{optSize},
			variants: []variant{
				{sku: "FK-1701", choices: []loc{{SV: "12 cm", EN: "12 cm"}}, price: 5900, weight: 600, size: [3]int64{130, 130, 120}, stock: 160},
				{sku: "FK-1702", choices: []loc{{SV: "18 cm", EN: "18 cm"}}, price: 11900, weight: 1700, size: [3]int64{190, 190, 180}, stock: 110},
				{sku: "FK-1703", choices: []loc{{SV: "24 cm", EN: "24 cm"}}, price: 22900, weight: 3600, size: [3]int64{250, 250, 240}, stock: 60},
			},
			pictures: []picture{{name: "kruka-aker", alt: loc{SV: "Tre terrakottakrukor i olika storlek, två med plantor", EN: "Three terracotta pots of different sizes, two with plants"}}},
			values:   facts([]catalog.NewValue{made(poland)}, of(terracotta), in(brown)),
		},
		{
			handle: "vattenkanna-back", categories: []string{"tradgard"}, tags: []string{"odling", "utvalt"},
			sv:       words{title: "Vattenkanna Bäck", text: "Förzinkad plåt, fem liter, löstagbar sil av mässing. Handtaget är lindat med ek där handen tar i.\n\nTöm före frosten. Falsad i Fyrviken. Strålen hamnar där man tänkt sig."},
			en:       words{title: "Bäck watering can", text: "Zinc-plated sheet, five litres, a brass rose that comes off. The handle is clad in oak where the hand takes hold.\n\nEmpty it before the frost. Seamed in Fyrviken. The water lands where you meant it to."},
			core:     catalog.Core{Brand: "Fyrviken", Maker: tinsmith, NoWarnings: true},
			variants: []variant{{sku: "FK-1801", price: 44900, weight: 1400, size: [3]int64{430, 200, 330}, stock: 95}},
			pictures: []picture{{name: "vattenkanna-back", alt: loc{SV: "Förzinkad vattenkanna med lång pip och sil av mässing", EN: "Zinc-plated watering can with a long spout and a brass rose"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(zincSheet, oakWood), in(grey)),
		},
		{
			handle: "planteringsspade-spets", categories: []string{"tradgard"}, tags: []string{"odling", "verktyg"},
			sv:       words{title: "Planteringsspade Spets", text: "Smidd i kolstål med skaft av ask. 33 cm lång, bladet 7 cm brett.\n\nTorka av jorden och smörj bladet till vintern. Smidd i Spetsberg. Går genom rötter utan att be om lov.", warnings: []string{"Vass spets. Förvaras utom räckhåll för små barn."}},
			en:       words{title: "Spets trowel", text: "Forged carbon steel with a handle of ash. 33 cm long, the blade 7 cm wide.\n\nWipe off the soil and oil the blade for winter. Forged in Spetsberg. It goes through roots without asking.", warnings: []string{"Sharp point. Keep out of reach of small children."}},
			core:     catalog.Core{Brand: "Spetsberg", Maker: smith},
			variants: []variant{{sku: "FK-1901", price: 27900, weight: 380, size: [3]int64{340, 80, 40}, stock: 72}},
			pictures: []picture{{name: "planteringsspade-spets", alt: loc{SV: "Smidd planteringsspade med skaft av ask och lite jord", EN: "Forged trowel with an ash handle and some soil"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(steel, ash), in(grey)),
		},
		{
			handle: "fropase-angen", categories: []string{"tradgard"}, tags: []string{"odling", "gåva"},
			sv:       words{title: "Fröpåse Ängen", text: "Tjugo gram ängsblommor, räcker till tio kvadratmeter. Blåklint, prästkrage, vallmo och fyra sorter till.\n\nSå i mager jord i april eller september och slå ängen en gång om året. Rensad och packad i Åkerbo.", warnings: []string{"Fröna är inte avsedda att ätas."}},
			en:       words{title: "Ängen seed bag", text: "Twenty grams of meadow flowers, enough for ten square metres. Cornflower, ox-eye daisy, poppy and four more.\n\nSow in poor soil in April or September and mow once a year. Cleaned and packed in Åkerbo.", warnings: []string{"The seeds are not meant to be eaten."}},
			core:     catalog.Core{Brand: "Åkerbo", Maker: garden, Regimes: []catalog.Regime{catalog.RegimeMeasure}, Unit: "kg", Content: 20},
			variants: []variant{{sku: "FK-2001", price: 7900, weight: 25, size: [3]int64{160, 110, 8}, stock: 260}},
			pictures: []picture{{name: "fropase-angen", alt: loc{SV: "Fröpåse av papper med en äng på framsidan", EN: "Paper seed bag with a meadow on its front"}}},
			values:   facts([]catalog.NewValue{made(sweden)}),
		},
	}
}

func fireGoods() []good {
	return []good{
		{
			handle: "vedkorg-span", categories: []string{"eld-och-ute"}, tags: []string{"eld", "korg"},
			sv:       words{title: "Vedkorg Spån", text: "Flätad furuspån med handtag av läder. 55 cm bred, 36 cm djup, 34 cm hög; rymmer en kvälls ved.\n\nHåll den torr och två meter från elden. Flätad för hand, en i taget, så den tillverkas när du beställt. Bär mer än den ser ut att göra.", warnings: []string{"Ställ inte korgen närmare eldstaden än två meter."}},
			en:       words{title: "Spån log basket", text: "Woven pine splint with handles of leather. 55 cm wide, 36 cm deep, 34 cm high; it holds an evening's wood.\n\nKeep it dry and two metres from the fire. Woven by hand, one at a time, so it is made once you have ordered. It carries more than it looks.", warnings: []string{"Do not place the basket nearer to the fire than two metres."}},
			core:     catalog.Core{Brand: "Spånkorgen", Maker: splint, Bulky: true, ReturnCost: money.SEK(24900)},
			variants: []variant{{sku: "FK-2101", price: 89500, weight: 1900, size: [3]int64{560, 370, 350}, mode: backorder}},
			pictures: []picture{{name: "vedkorg-span", alt: loc{SV: "Flätad vedkorg full med björkved", EN: "Woven log basket full of birch wood"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(pineWood), in(natural)),
		},
		{
			handle: "toreved", categories: []string{"eld-och-ute"}, tags: []string{"eld"},
			sv:       words{title: "Töreved", text: "Kådrik furu i knippe, tar eld av en tändsticka. Ett halvt kilo, pinnar om 20 cm.\n\nFörvaras torrt. Kluven i Furubo. Tre pinnar räcker till en brasa.", warnings: []string{"Brandfarligt. Förvaras åtskilt från öppen eld och utom räckhåll för barn."}},
			en:       words{title: "Kindling", text: "Resinous pine in a bundle that lights from one match. Half a kilo, sticks of 20 cm.\n\nKeep it dry. Split in Furubo. Three sticks make a fire.", warnings: []string{"Flammable. Keep away from open fire and out of reach of children."}},
			core:     catalog.Core{Brand: "Spånkorgen", Maker: splint, Regimes: []catalog.Regime{catalog.RegimeMeasure}, Unit: "kg", Content: 500},
			variants: []variant{{sku: "FK-2201", price: 6900, weight: 520, size: [3]int64{220, 110, 90}, stock: 190}},
			pictures: []picture{{name: "toreved", alt: loc{SV: "Knippe av töreved med snöre om", EN: "Bundle of kindling tied with string"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(pineWood), in(natural)),
		},
		{
			handle: "eldfat-ring", categories: []string{"eld-och-ute"}, tags: []string{"eld"},
			sv:       words{title: "Eldfat Ring", text: "Stål, 60 cm, får rosta som det vill. Står på en ring av samma stål och väger fjorton kilo.\n\nLevereras hem till dig. Ångrar du dig kostar returen 295 kr, för den går inte med posten. Smitt i Spetsberg.", warnings: []string{"Använd endast utomhus och på brandsäkert underlag.", "Fatet är hett länge efter att elden slocknat."}},
			en:       words{title: "Ring fire bowl", text: "Steel, 60 cm, free to rust as it pleases. It stands on a ring of the same steel and weighs fourteen kilos.\n\nDelivered to your home. Should you withdraw, the return costs 295 kr, as it does not go by post. Forged in Spetsberg.", warnings: []string{"Use outdoors only, on a fire-proof base.", "The bowl stays hot long after the fire is out."}},
			core:     catalog.Core{Brand: "Spetsberg", Maker: smith, Bulky: true, ReturnCost: money.SEK(29500)},
			variants: []variant{{sku: "FK-2301", price: 149000, weight: 14500, size: [3]int64{620, 620, 240}, stock: 9}},
			pictures: []picture{{name: "eldfat-ring", alt: loc{SV: "Rostigt eldfat på ring med en brasa", EN: "Rusty fire bowl on a ring with a fire in it"}}},
			values:   facts([]catalog.NewValue{made(sweden)}, of(steel), in(brown)),
		},
		{
			handle: "sittunderlag-stubbe", categories: []string{"eld-och-ute", "textil"}, tags: []string{"ull"},
			sv:      words{title: "Sittunderlag Stubbe", text: "Ullfilt som rullas ihop med en läderrem. 38 × 38 cm och nästan en centimeter tjockt.\n\nSkaka ur, torka av. Filtat i Stubbe. Varmt också på en sten i november.", materials: "100 % ull, rem av läder"},
			en:      words{title: "Stubbe seat pad", text: "Wool felt that rolls up with a leather strap. 38 × 38 cm and nearly a centimetre thick.\n\nShake it out, wipe it off. Felted in Stubbe. Warm even on a rock in November.", materials: "100 % wool, strap of leather"},
			core:    catalog.Core{Brand: "Stubbe", Maker: felt, NoWarnings: true, Regimes: []catalog.Regime{catalog.RegimeTextile}},
			options: []loc{optColour},
			variants: []variant{
				{sku: "FK-2401", choices: []loc{grey}, price: 29500, weight: 180, size: [3]int64{390, 110, 110}, stock: 66},
				{sku: "FK-2402", choices: []loc{green}, price: 29500, weight: 180, size: [3]int64{390, 110, 110}, stock: 58},
			},
			pictures: []picture{
				{name: "sittunderlag-stubbe-gra", alt: loc{SV: "Hoprullat grått sittunderlag av filt med läderremmar", EN: "Rolled-up grey felt seat pad with leather straps"}, of: []int{1}},
				{name: "sittunderlag-stubbe-gron", alt: loc{SV: "Hoprullat grönt sittunderlag av filt med läderremmar", EN: "Rolled-up green felt seat pad with leather straps"}, of: []int{2}},
			},
			values: facts([]catalog.NewValue{made(sweden)}, of(wool), in(grey, green)),
		},
	}
}
