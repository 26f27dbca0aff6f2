package app

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web"
)

// meters are what /metrics tells. Labels are bounded: route patterns, states,
// job kinds; nothing of a person, no path, no id.
type meters struct {
	reg      *prometheus.Registry
	answers  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	waited   prometheus.Histogram
	local    prometheus.Counter
}

func newMeters(a *App) *meters {
	m := &meters{reg: prometheus.NewRegistry(),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kassavalv_http_answers_total", Help: "Answers by method, route pattern and status class."}, []string{"method", "route", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "kassavalv_http_seconds", Help: "Time to answer.", Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3}},
			[]string{"route"})}
	m.waited = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "kassavalv_copies_waited_seconds", Help: "How long buyers waited for other sites before an order was shown as paid.", Buckets: []float64{.001, .003, .01, .03, .1, .25, 1, 10}})
	m.local = prometheus.NewCounter(prometheus.CounterOpts{Name: "kassavalv_copies_local_only_total", Help: "Orders shown as paid that lay on this machine only."})
	m.reg.MustRegister(m.answers, m.duration, m.waited, m.local, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &stateCollector{a: a})
	return m
}

func (m *meters) observe(method, pattern string, status int, took time.Duration) {
	class := "5xx"
	switch {
	case status < 300:
		class = "2xx"
	case status < 400:
		class = "3xx"
	case status < 500:
		class = "4xx"
	}
	m.answers.WithLabelValues(method, pattern, class).Inc()
	m.duration.WithLabelValues(pattern).Observe(took.Seconds())
}

// copied tells of one wait for other sites.
func (m *meters) copied(took time.Duration, enough bool) {
	m.waited.Observe(took.Seconds())
	if !enough {
		m.local.Inc()
	}
}

func (a *App) metrics(w http.ResponseWriter, r *web.Request) error {
	promhttp.HandlerFor(a.meters.reg, promhttp.HandlerOpts{DisableCompression: true}).ServeHTTP(w, r.Request)
	return web.ErrAnswered
}

// stateCollector counts what staff would look at, when it is asked.
type stateCollector struct{ a *App }

var (
	openPurchases = prometheus.NewDesc("kassavalv_purchases_open", "Purchases without a final state, by state.", []string{"state"}, nil)
	alarms        = prometheus.NewDesc("kassavalv_purchases_alarm", "Purchases staff must look at.", nil, nil)
	unsettled     = prometheus.NewDesc("kassavalv_money_unsettled", "Money that is not settled, counted by what it waits for: unknown_hour, unknown_day, unknown_older (purchases whose money is not known, by age), refunds, refunds_refused (at most 100), captures, reserved, cases, lines, overdue.", []string{"kind"}, nil)
	jobsWaiting   = prometheus.NewDesc("kassavalv_jobs", "Jobs by state.", []string{"state"}, nil)
	dbStatements  = prometheus.NewDesc("kassavalv_db_statements_total", "SQL statements; on PostgreSQL each is a round trip.", nil, nil)
	dbWork        = prometheus.NewDesc("kassavalv_db_transactions_total", "Transactions begun, reading ones among them.", nil, nil)
	credentials   = prometheus.NewDesc("kassavalv_payment_credential_ends_seconds", "When the certificate or key of a way to pay ends, as Unix time.", []string{"method"}, nil)
	keeperAway    = prometheus.NewDesc("kassavalv_keys_away_seconds", "How long the keeper of the keys has not answered; 0 while it does.", nil, nil)
	keeperLeft    = prometheus.NewDesc("kassavalv_keys_left_seconds", "While the keeper is away: how long the shop still seals and opens from memory.", nil, nil)
	unreadables   = prometheus.NewDesc("kassavalv_sealed_unreadable_total", "Openings of sealed values that failed since the start.", nil, nil)
	unreadableNow = prometheus.NewDesc("kassavalv_sealed_unreadable_values", "Sealed values that did not open since the start; the log names field and row.", nil, nil)
	rewrapDone    = prometheus.NewDesc("kassavalv_keys_rewrapped", "Data keys that this process has wrapped by the current epoch key, in the turn that runs or ran last.", nil, nil)
	rewrapOf      = prometheus.NewDesc("kassavalv_keys_to_rewrap", "Of how many.", nil, nil)
	epochMade     = prometheus.NewDesc("kassavalv_keys_epoch_made_seconds", "When the current epoch key was made, as Unix time.", nil, nil)
	logWhole      = prometheus.NewDesc("kassavalv_audit_log_whole", "1 while the audit log is what was signed, as the sealer sees it; 0: run kassavalv audit verify.", nil, nil)
	logAlarms     = prometheus.NewDesc("kassavalv_audit_alarms_open", "Alarms of the audit log that nobody has acknowledged.", nil, nil)
	copyLag       = prometheus.NewDesc("kassavalv_copies_lag_seconds", "What would be lost if only this site were left.", []string{"site"}, nil)
	copyUp        = prometheus.NewDesc("kassavalv_copies_site_up", "1 while the site takes copies.", []string{"site"}, nil)
	copyProven    = prometheus.NewDesc("kassavalv_copies_proven_seconds", "When a drill last proved the way back from the site, as Unix time; 0: never.", []string{"site"}, nil)
	copySpool     = prometheus.NewDesc("kassavalv_copies_spool_bytes", "Segments that wait in the data directory.", nil, nil)
	archiveFailed = prometheus.NewDesc("kassavalv_copies_archive_failures_total", "On PostgreSQL: how often the server could not give up a piece of its log.", nil, nil)
	archiveLooked = prometheus.NewDesc("kassavalv_copies_looked_seconds", "On PostgreSQL: when the repositories were last looked at, as Unix time; 0: never.", nil, nil)
	archiveBackup = prometheus.NewDesc("kassavalv_copies_backup_seconds", "On PostgreSQL: when the newest backup of a repository was done, as Unix time.", []string{"site"}, nil)
	archiveWell   = prometheus.NewDesc("kassavalv_copies_archive_up", "On PostgreSQL: 1 while the log is archived and somebody looks at the repositories.", nil, nil)
	goodsFound    = prometheus.NewDesc("kassavalv_search_products", "Products the search holds.", nil, nil)
)

func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- openPurchases
	ch <- alarms
	ch <- unsettled
	ch <- jobsWaiting
	ch <- goodsFound
	ch <- logWhole
	ch <- logAlarms
	ch <- dbStatements
	ch <- dbWork
	ch <- credentials
	for _, d := range []*prometheus.Desc{copyLag, copyUp, copyProven, copySpool, archiveFailed, archiveLooked, archiveBackup, archiveWell, keeperAway, keeperLeft, unreadables, unreadableNow, rewrapDone, rewrapOf, epochMade} {
		ch <- d
	}
}

// collectKeys tells of the vault; nothing here asks the database or the keeper.
func (c *stateCollector) collectKeys(ch chan<- prometheus.Metric) {
	v := c.a.Vault
	gauge := func(d *prometheus.Desc, n float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n) }
	away := 0.0
	if h := v.Health(); h.Away {
		away = time.Since(h.Since).Seconds()
		gauge(keeperLeft, max(0, time.Until(h.Until).Seconds()))
	}
	gauge(keeperAway, away)
	times, values := v.Unreadable()
	ch <- prometheus.MustNewConstMetric(unreadables, prometheus.CounterValue, float64(times))
	gauge(unreadableNow, float64(values))
	done, of, _ := v.Running()
	gauge(rewrapDone, float64(done))
	gauge(rewrapOf, float64(of))
	for _, e := range v.Epochs() {
		if e.Current {
			gauge(epochMade, float64(e.Made.Unix()))
		}
	}
}

func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	if c.a.DB == nil || c.a.Index == nil {
		return
	}
	c.collectKeys(ch)
	if s := c.a.copiesStatus(); s != nil {
		ch <- prometheus.MustNewConstMetric(copySpool, prometheus.GaugeValue, float64(s.Spool))
		for _, x := range s.Sites {
			up := 1.0
			if x.Trouble != nil {
				up = 0
			}
			ch <- prometheus.MustNewConstMetric(copyLag, prometheus.GaugeValue, x.Lag.Seconds(), x.Place.Name)
			ch <- prometheus.MustNewConstMetric(copyUp, prometheus.GaugeValue, up, x.Place.Name)
		}
	}
	c.collectArchive(ch)
	statements, transactions := c.a.DB.Work()
	ch <- prometheus.MustNewConstMetric(dbStatements, prometheus.CounterValue, float64(statements))
	ch <- prometheus.MustNewConstMetric(dbWork, prometheus.CounterValue, float64(transactions))
	ch <- prometheus.MustNewConstMetric(goodsFound, prometheus.GaugeValue, float64(c.a.Index.Size()))
	if c.a.Desk != nil {
		for _, e := range c.a.Desk.Ends(time.Now()) {
			ch <- prometheus.MustNewConstMetric(credentials, prometheus.GaugeValue, float64(e.Until.Unix()), e.Method)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	whole := 0.0
	if c.a.sealed.Load() {
		whole = 1
	}
	ch <- prometheus.MustNewConstMetric(logWhole, prometheus.GaugeValue, whole)
	if n, err := db.Read(ctx, c.a.DB, func(q *db.Reader) (int64, error) { return audit.OpenAlarms(q) }); err == nil {
		ch <- prometheus.MustNewConstMetric(logAlarms, prometheus.GaugeValue, float64(n))
	}
	if proven, err := db.Read(ctx, c.a.DB, func(q *db.Reader) (map[string]time.Time, error) { return copies.Proven(q) }); err == nil {
		for _, name := range c.a.drilledSites(ctx) {
			at := 0.0
			if t := proven[name]; !t.IsZero() {
				at = float64(t.Unix())
			}
			ch <- prometheus.MustNewConstMetric(copyProven, prometheus.GaugeValue, at, name)
		}
	}
	s, err := db.Read(ctx, c.a.DB, readStates)
	if err != nil {
		return
	}
	for st, n := range s.purchases {
		ch <- prometheus.MustNewConstMetric(openPurchases, prometheus.GaugeValue, n, st)
	}
	for st, n := range s.jobs {
		ch <- prometheus.MustNewConstMetric(jobsWaiting, prometheus.GaugeValue, n, st)
	}
	refused, err := db.Read(ctx, c.a.DB, func(q *db.Reader) ([]returns.Alarm, error) { return returns.Alarms(q, auth.System("metrics"), 100) })
	if err == nil {
		ch <- prometheus.MustNewConstMetric(unsettled, prometheus.GaugeValue, float64(len(refused)), "refunds_refused")
	}
	if u, err := db.Read(ctx, c.a.DB, func(q *db.Reader) (checkout.Unsettled, error) { return checkout.Count(q) }); err == nil {
		for kind, n := range map[string]int64{"unknown_hour": u.Unknown["hour"], "unknown_day": u.Unknown["day"], "unknown_older": u.Unknown["older"], "refunds": u.Refunds, "captures": u.Captures, "reserved": u.Reserved,
			"cases": u.Cases, "lines": u.Lines, "overdue": u.Overdue} {
			ch <- prometheus.MustNewConstMetric(unsettled, prometheus.GaugeValue, float64(n), kind)
		}
	}
	ch <- prometheus.MustNewConstMetric(alarms, prometheus.GaugeValue, s.alarms)
}

// collectArchive tells how the copies of a shop on PostgreSQL stand.
func (c *stateCollector) collectArchive(ch chan<- prometheus.Metric) {
	if c.a.archive == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	st := c.a.archive.Look(ctx)
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	up := func(well bool) float64 {
		if well {
			return 1
		}
		return 0
	}
	looked := 0.0
	if !st.Report.IsZero() {
		looked = float64(st.Report.Unix())
	}
	gauge(archiveLooked, looked)
	gauge(archiveWell, up(st.Trouble == nil))
	ch <- prometheus.MustNewConstMetric(archiveFailed, prometheus.CounterValue, float64(st.Archiver.Failures))
	for _, r := range st.Repos {
		gauge(copyLag, r.Lag.Seconds(), r.Name)
		gauge(copyUp, up(r.Trouble == ""), r.Name)
		if !r.Newest.IsZero() {
			gauge(archiveBackup, float64(r.Newest.Unix()), r.Name)
		}
	}
	if c.a.aside != nil {
		for _, s := range c.a.aside.Status() {
			gauge(copyUp, up(s.Trouble == nil), s.Place.Name+" (keys and files)") // a repository may have the same name
		}
	}
}
