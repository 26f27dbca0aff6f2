package job

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("job",
	// Jobs carry kinds and ids only; last_error is a code.
	datamap.Table("job_job", datamap.Plain("id kind ref_id key run_at attempts max_attempts lease_until lease_by state last_error created_at ended_at")),
	datamap.Table("job_schedule", datamap.Plain("name next_at lease_until lease_by")),
)
