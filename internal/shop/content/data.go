package content

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("content",
	// Goods, prices, words: nothing about buyers.
	datamap.Table("content_company", datamap.Plain("id name shop org_number vat_number f_tax seat street postal_code city country mail phone hours_sv hours_en bankgiro example version valid_from accounts"), datamap.Person("author")),
	datamap.Table("content_handle", datamap.Plain("handle last")),
	datamap.Table("content_page", datamap.Plain("id handle kind version lang title body valid_from created_at"), datamap.Person("author")),
	datamap.Table("content_setting", datamap.Plain("name value changed_at"), datamap.Person("author")),
)
