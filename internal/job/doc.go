// Package job runs work after the commit: mail, calls to providers, indexing,
// sweeps. A job is a row written in the transaction of the change it belongs to.
//
// # Invariants
//
//   - A row carries a kind and an id, never personal data; the worker reads
//     what it needs. The last error is a code, never a text from outside.
//   - Enqueue commits or falls with its transaction.
//   - At least once: a worker may run twice (crash, lost lease) and MUST bear
//     it. Never twice at the same time while its lease holds; a worker whose lease
//     is lost gets its context cancelled.
//   - A key makes at most one *waiting* job per kind and key. Once claimed, a
//     new one may be enqueued, so no change falls between a running job and its end.
//   - Claims are one guarded UPDATE on both engines; a due job is claimed by
//     one of two runners.
//   - Each kind has workers of its own: a slow kind cannot starve another.
//   - A job that failed its last try is dead: it stays, is listed, and staff
//     retries or drops it.
//
// A claimed job's run_at is the end of its lease, so an abandoned job is due
// again by itself. Runners are woken by the commit; for other nodes and for jobs
// of the future one small read a second looks for due kinds.
//
// It refuses to know what a job means.
//
// Tables: job_job, job_schedule.
package job
