package goods

import "kassavalv/internal/shop/catalog"

// The makers are invented. Their postal codes do not exist.
func maker(name, postal, electronic string) catalog.Party {
	return catalog.Party{Name: name + " (exempelföretag)", Postal: postal, Electronic: electronic}
}

var (
	house = maker("Förstukvist Handel AB", "Magasinsgatan 1, 000 10 Exempelstad, Sverige", "sakerhet@forstukvist.example")

	foundry  = maker("Brinneby Gjuteri AB", "Masugnsvägen 2, 000 02 Brinneby, Sverige", "post@brinneby-gjuteri.example")
	joiner   = maker("Änggårdens Snickeri", "Ängsvägen 14, 000 03 Änggården, Sverige", "hej@anggardens-snickeri.example")
	carver   = maker("Enbackens Slöjd", "Enbacken 5, 000 04 Enbacken, Sverige", "slojd@enbacken.example")
	weaver   = maker("Randa Väveri AB", "Vävargatan 8, 000 05 Randa, Sverige", "kontakt@randa-vaveri.example")
	potter   = maker("Drejstugan Lerbo", "Kvarnvägen 3, 000 06 Lerbo, Sverige", "verkstad@drejstugan.example")
	glass    = maker("Källefors Glashytta AB", "Hyttvägen 1, 000 07 Källefors, Sverige", "hyttan@kallefors.example")
	woollen  = maker("Vinterby Yllefabrik AB", "Fabriksgatan 11, 000 08 Vinterby, Sverige", "info@vinterby-ylle.example")
	candler  = maker("Kvällens Ljusstöperi", "Stöparegränd 4, 000 09 Kväll, Sverige", "ljus@kvallens.example")
	tinsmith = maker("Fyrvikens Bleckslageri", "Hamnplan 6, 000 11 Fyrviken, Sverige", "verkstan@fyrviken.example")
	lamps    = maker("Lysverket Tranan AB", "Lampvägen 9, 000 12 Tranan, Sverige", "kvalitet@lysverket-tranan.example")
	garden   = maker("Åkerbo Trädgårdsbruk", "Åkerbo gård, 000 13 Åkerbo, Sverige", "bruk@akerbo.example")
	pottery  = maker("Garnczarnia Pole Sp. z o.o.", "ul. Gliniana 4, 00-000 Przykładowo, Polen", "biuro@garnczarnia-pole.example")
	smith    = maker("Spetsbergs Smedja", "Smedjebacken 2, 000 14 Spetsberg, Sverige", "smedjan@spetsberg.example")
	splint   = maker("Spånkorgen i Furudal", "Korgmakarvägen 7, 000 15 Furubo, Sverige", "korg@spankorgen.example")
	felt     = catalog.Party{Name: "Stubbe Filt (exempelföretag)", Postal: "Fårvägen 1, 000 16 Stubbe, Sverige", Electronic: "filt@stubbe.example"}
	berries  = maker("Lingonmyrens Saft och Sylt", "Myrvägen 20, 000 17 Lingonmyr, Sverige", "kok@lingonmyren.example")
	roaster  = maker("Morgonrosteriet AB", "Rosterigatan 5, 000 18 Morgonby, Sverige", "rost@morgonrosteriet.example")
	bakery   = maker("Rågspis Bageri AB", "Spisvägen 12, 000 19 Rågåker, Sverige", "bageri@ragspis.example")
	apiary   = maker("Slåtterängens Bigård", "Slåttervägen 3, 000 20 Slätten, Sverige", "bin@slatterangen.example")
	soaper   = maker("Enrum Tvål", "Badhusgatan 2, 000 21 Enrum, Sverige", "tval@enrum.example")
	brushes  = maker("Rundborsten Ek. för.", "Borstbindaregatan 4, 000 22 Rundby, Sverige", "kontor@rundborsten.example")
	wicker   = maker("Vītolu Pinumi SIA", "Kārklu iela 8, LV-0000 Paraugciems, Lettland", "darbnica@vitolu-pinumi.example")
	press    = maker("Förlaget Kvist AB", "Tryckerigatan 10, 000 23 Boksta, Sverige", "forlag@kvist.example")
	bindery  = maker("Linje Bokbinderi", "Falsgatan 1, 000 24 Linje, Sverige", "bok@linje-bokbinderi.example")
	toys     = maker("Lekstugan Träleksaker AB", "Lekvägen 6, 000 25 Lekeby, Sverige", "sakerhet@lekstugan.example")
	crayon   = maker("Vahaliitu Oy", "Mallikatu 3, 00000 Mallila, Finland", "tuotteet@vahaliitu.example")
	oilcloth = maker("Kiraz Muşamba", "Örnek Sokak 5, 00000 Örnekköy, Turkiet", "kalite@kiraz-musamba.example")
)
