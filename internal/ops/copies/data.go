package copies

import "kassavalv/internal/datamap"

// What each column holds about people: nothing. What a check finds names rows by their
// numbers, and who writes a check holds to that.
var _ = datamap.Declare("copies",
	datamap.Table("copies_drill", datamap.Plain("id site cold state started_at took epoch tx newest_at rpo rto size fetched objects told")),
)
