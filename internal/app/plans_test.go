package app

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// staySmall are the tables that stay small in any shop: reading one whole costs
// nothing. A table that is not here is held to grow, a new one too.
var staySmall = map[string]string{
	"db_meta": "three rows", "db_migration": "a row a step", "job_schedule": "a row a schedule", "secret_check": "a row a key",
	"catalog_category": "a menu", "catalog_attribute": "what staff defined", "catalog_tree": "one row", "catalog_recheck": "categories that wait",
	"pricing_vat_rate": "the law's", "pricing_campaign": "made by hand", "pricing_step": "a campaign's", "pricing_target": "a campaign's",
	"pricing_code": "made by hand", "pricing_code_exclusion": "a code's",
	"fulfilment_carrier": "made by hand", "delivery_method": "made by hand", "delivery_price": "a method's",
	"payment_window": "a row a way to pay", "content_page": "made by hand", "content_setting": "made by hand", "content_company": "one row",
	"auth_change": "what people of the house did, swept", "auth_root": "one row", "auth_opening": "what was opened in 90 days", "auth_staff": "people of the house", "auth_invite": "one a member", "auth_token": "made by hand", "auth_passkey": "a few a member", "auth_challenge": "minutes old", "auth_session": "people of the house",
	"auth_try":     "swept each hour",
	"lesson_state": "people of the house, ten each", "lesson_need": "made by hand", "lesson_letter": "swept after a month", "incident_gate": "one a member, one an alarm", "incident_contact": "one row", "copies_drill": "a few a day, swept after 91 days", "recovery_plan": "one row", "recovery_proof": "typed by hand, five a day at most",
	"auth_role": "made by hand", "auth_approval": "asked by hand", "auth_letter": "letters to people of the house, swept", "auth_review": "four a year", "auth_review_item": "people of the house, four times a year", "auth_recovery": "ten a member", "auth_totp_next": "minutes old", "auth_sso": "one a member", "auth_sso_flow": "minutes old",
}

// fewValued are columns that say little: an index on them alone finds a large
// part of a table. One actor, a payment partner, is behind every purchase, and one address
// where all buyers come through a front that lies elsewhere.
var fewValued = []string{"status", "state", "kind", "lang", "currency", "complete", "owed", "is_open", "tracked", "actor_kind", "ref_kind", "entity", "tag", "money", "method", "author", "late", "ref", "actor_id", "peer"}

// waiting are indexes of the few rows that wait for somebody or something: reading
// one whole reads little.
var waiting = map[string]string{
	"checkout_purchase_open": "purchases under way", "checkout_purchase_refused": "what was refused of one address within ten minutes", "checkout_purchase_check": "payments that are looked up", "checkout_purchase_alarm": "purchases that staff must look at", "returns_alarm_open": "refunds that staff must look at",
	"support_case_due": "questions without an answer", "incident_record_live": "incidents that are not closed", "incident_record_sweep": "closed incidents whose words are still kept: a shop has few", "job_job_due": "the queues themselves, which staff asked to see counted", "job_job_ended": "jobs that gave up",
	"payment_refund_open": "money that goes back", "payment_bankline_open": "payments that staff must decide about", "payment_case_open": "differences that staff must look at", "payment_intent_reserved": "money that is reserved", "payment_payout_open": "payouts under way to the account", "payment_take_open": "money that is on its way in", "mail_message_trouble": "letters that did not leave", "mail_message_held": "letters that a person decides about after a restore", "catalog_product_debt": "the list of goods with facts missing, all of it answers",
	"account_lost_due":        "apps that somebody lost and waits a week for",
	"privacy_request_waiting": "erasures that wait", "privacy_request_last": "erasures whose last letter has not left", "privacy_request_open": "requests that are owed an answer", "privacy_notice_open": "recipients that are to be told", "giftcard_card_bare": "cards from before addresses had an index, until the first sweep",
	"order_order_unshipped": "what is to be sent", "order_order_unpaid": "bills", "order_order_owed": "bills", "returns_return_live": "returns under way", "audit_entry_refused": "the list of refusals, all of it answers",
	"audit_alarm_open": "alarms that nobody has acknowledged", "audit_log_leaf_waiting": "rows of the last second", "audit_log_leaf_old": "rows from before the log, until they are taken in",
}

// well are the plans that read much of a growing table, or may, and why that is
// right. The key is the statement, values of lists and long lists of columns left out.
var well = map[string]string{
	`SELECT … FROM order_order WHERE placed_at >= $1 AND placed_at < $2 AND erased_at IS NULL AND currency=$3 GROUP BY placed_at / $4) AS hours`:                                                                    "the sum of a month: every row is an answer",
	`SELECT id, at, actor_kind, actor_id, actor_name, person_id, kinds, entity, entity_id, reason FROM audit_access WHERE id < $1 AND id >= $3 ORDER BY id DESC LIMIT $2`:                                           "a day by the key: every row is an answer",
	`SELECT a.id FROM audit_access a JOIN audit_log_leaf l ON l.id=a.id WHERE a.id < $1 AND a.at < $2 AND l.place IS NOT NULL ORDER BY a.id LIMIT 200`:                                                              "the oldest readings first: all below the bound go",
	`SELECT … FROM payment_bankline WHERE details IS NOT NULL AND booked_on < $1 AND state NOT IN ('open','payback') ORDER BY booked_on, id LIMIT $2`:                                                               "what is out of time, and the few open ones among it",
	`SELECT … FROM privacy_request WHERE answered_at < $1 AND answered_at IS NOT NULL AND forgotten_at IS NULL ORDER BY answered_at, id LIMIT 50`:                                                                   "every row of the range is an answer",
	`SELECT … FROM giftcard_card WHERE mail IS NOT NULL AND expires_at < $1 ORDER BY expires_at, id LIMIT $2`:                                                                                                       "every row of the range is an answer",
	`SELECT person_id, placed_at FROM order_order WHERE erased_at IS NULL AND placed_at > $1 AND placed_at < $2 AND COALESCE(shipped_at, 0) < $2 AND COALESCE(received_at, 0) < $2 ORDER BY placed_at, id LIMIT $3`: "orders of more than three years ago, of which all but a few were sent and received then",

	`SELECT at, person_id FROM audit_access WHERE actor_kind=$1 AND actor_id=$2 AND id >= $3`: "what one person of the house read within the time that an alarm counts",
	`SELECT at, person_id FROM audit_idle WHERE actor_kind=$1 AND actor_id=$2 AND id >= $3`:   "as the line above",

	`SELECT count(*) FROM audit_access WHERE id >= $1 AND at >= $2 AND actor_kind IN ('staff', 'token', 'system')`:                                                                                          "the readings of 30 days, counted each hour so that no page counts them",
	`SELECT … FROM audit_log_leaf l LEFT JOIN audit_entry e ON e.id=l.id AND l.kind='act' LEFT JOIN audit_access a ON a.id=l.id AND l.kind='reading' WHERE l.place >= $1 AND l.place < $2 ORDER BY l.place`: "the whole log, verified once a day: every row is read",
	`SELECT e.id, CASE WHEN l.id IS NULL THEN 1 ELSE 0 END FROM audit_access e LEFT JOIN audit_log_leaf l ON l.id=e.id AND l.kind='reading' WHERE e.id > $1 ORDER BY e.id LIMIT 5000`:                       "as the line above: rows that no leaf stands for",
	`SELECT e.id, CASE WHEN l.id IS NULL THEN 1 ELSE 0 END FROM audit_entry e LEFT JOIN audit_log_leaf l ON l.id=e.id AND l.kind='act' WHERE e.id > $1 ORDER BY e.id LIMIT 5000`:                            "as the line above",
	`SELECT size, at, note FROM audit_log_checkpoint ORDER BY size`:                                                     "as the line above: each signed checkpoint is compared",
	`SELECT c.size FROM audit_log_cosignature c LEFT JOIN audit_log_checkpoint p ON p.size=c.size WHERE p.size IS NULL`: "as the line above",

	`INSERT INTO audit_log_leaf (id, kind, at) SELECT id, 'act', at FROM audit_entry`:                                                                                                                "once, when what was there goes over to the log",
	`INSERT INTO audit_log_leaf (id, kind, at) SELECT id, 'reading', at FROM audit_access`:                                                                                                           "once, when what was there goes over to the log",
	`SELECT at, id, intent_id FROM payment_entry WHERE (at, id) > ($1, $2) AND at < $3 ORDER BY at, id LIMIT $4`:                                                                                     "the money of a week, a page at a time in the order of the index",
	`SELECT s.from_on, s.to_on FROM payment_bankstatement s JOIN payment_bankfile f ON f.id=s.file_id WHERE s.to_on >= $1 AND s.from_on IS NOT NULL AND f.format=$2 ORDER BY s.to_on DESC LIMIT 500`: "the statements of a quarter",
	`SELECT id FROM catalog_product ORDER BY id`:                                                                                                                                                     "the search reads every product, once, when the program starts: here only their ids",
	`SELECT … FROM order_order WHERE id < $1 AND number IS NOT NULL ORDER BY id DESC LIMIT $2`:                                                                                                       "all but those being placed this moment have a number",
	`SELECT … FROM catalog_product WHERE id < $1 AND id IN (SELECT product FROM catalog_variant WHERE sku = $3 AND sku <> '' AND status <> 'removed' UNION SELECT product FROM catalog_variant WHERE gtin = $3 AND gtin <> '' AND status <> 'removed' UNION SELECT id FROM catalog_product WHERE handle >= $3 AND handle < $4) ORDER BY id DESC LIMIT $2`: "the handles that begin as staff typed, by their index alone",
	`SELECT COALESCE(CAST(sum(balance) AS BIGINT),0) FROM giftcard_card WHERE currency=$1 AND balance > 0 AND expires_at > $2`:            "the debt to those who hold gift cards: a sum of all that have money left, by their index alone, on a page of staff",
	`SELECT COALESCE(CAST(sum(balance) AS BIGINT),0) FROM giftcard_card WHERE currency=$1 AND balance > 0 AND expires_at <= $2`:           "what ran out, as the line above",
	`SELECT … FROM audit_entry e LEFT JOIN audit_log_leaf l ON l.id = e.id WHERE e.id < $1 AND e.action = $3 ORDER BY e.id DESC LIMIT $2`: "staff look for one kind of act; an index of acts would be written with every entry for a page that is opened seldom",
}

var (
	inList      = regexp.MustCompile(`\(\$\d+(?:,\$\d+)*\)`)
	blanks      = regexp.MustCompile(`\s+`)
	named       = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?`)
	planLine    = regexp.MustCompile(`^(SCAN|SEARCH) (\w+)(.*)$`)
	manyColumns = regexp.MustCompile(`^SELECT .{100,}? FROM `)
	usingIndex  = regexp.MustCompile(`INDEX (\w+)`)
	equals      = regexp.MustCompile(`(\w+|<expr>)=\?`)
	ranges      = regexp.MustCompile(`(\w+|<expr>)[<>]\?`)
)

// shape is a statement without the values of its lists.
func shape(text string) string {
	return inList.ReplaceAllString(blanks.ReplaceAllString(strings.TrimSpace(text), " "), "(…)")
}

// short is a shape without a long list of columns, which says nothing of the plan.
func short(shape string) string { return manyColumns.ReplaceAllString(shape, "SELECT … FROM ") }

// judge says what is wrong with one line of a plan, or "". sorts: the plan sorts what
// it has read before it gives the first row.
func judge(text, line string, sorts bool, tables map[string]bool) string {
	if strings.Contains(line, "AUTOMATIC") {
		return "builds an index for itself"
	}
	m := planLine.FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	table := m[2]
	for _, n := range named.FindAllStringSubmatch(text, -1) {
		if n[2] == table {
			table = n[1]
		}
	}
	if !tables[table] || staySmall[table] != "" {
		return ""
	}
	if i := usingIndex.FindStringSubmatch(m[3]); i != nil && waiting[i[1]] != "" {
		return ""
	}
	upper := strings.ToUpper(text)
	limited := strings.Contains(upper, "LIMIT ")
	if m[1] == "SCAN" && limited && !strings.Contains(upper, " WHERE ") && !sorts {
		return "" // the first few in the order of an index
	}
	if m[1] == "SCAN" {
		return "reads all of " + table
	}
	best := strings.Contains(text, "SELECT min(") || strings.Contains(text, "SELECT max(")
	eq := equals.FindAllStringSubmatch(m[3], -1)
	telling := slices.ContainsFunc(eq, func(c []string) bool { return !slices.Contains(fewValued, c[1]) })
	switch {
	case telling:
		return ""
	case limited && len(eq) == 0 && strings.Contains(upper, " AND "):
		return "may read much of " + table + " before it has enough"
	case limited:
		return ""
	case len(eq) > 0:
		return "finds a large part of " + table + " by " + eq[0][1]
	case ranges.MatchString(m[3]) && !best:
		return "reads a stretch of " + table + " without an end"
	}
	return ""
}

// What the program asks of the database does not grow with the shop: the plans of
// all statements that a visit of every page, both APIs, the back office, a sale to
// its end and an import give rise to. The shop is small and has no statistics, so
// SQLite plans by the schema alone, as it does in every shop.
func TestPlansDoNotGrowWithTheShop(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	dir := filepath.Join(t.TempDir(), "data")
	ready := filepath.Join(t.TempDir(), "ready.json")
	var mu sync.Mutex
	heard := map[string]string{} // by shape, one as it is
	a, _, err := Demo(t.Context(), DemoOptions{Dir: dir, Addr: "localhost:0", ReadyFile: ready, Log: slog.New(slog.DiscardHandler), onStatement: func(text string) {
		mu.Lock()
		heard[shape(text)] = text
		mu.Unlock()
	}})
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	s := apptest.Attach(t, ready, dir)
	visitAll(t, a, s)
	stop()

	eye, err := sql.Open("sqlite", "file:"+filepath.Join(dir, DatabaseFile)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer eye.Close()
	tables := map[string]bool{}
	rows, err := eye.Query(`SELECT name FROM sqlite_master WHERE type='table'`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		tables[n] = true
	}
	for n := range staySmall {
		if !tables[n] {
			t.Errorf("the list of small tables names %s, which is not there", n)
		}
	}
	if len(heard) < 300 {
		t.Fatalf("only %d statements were heard", len(heard))
	}
	used := map[string]bool{}
	for _, k := range slices.Sorted(maps.Keys(heard)) {
		plan, err := planOf(eye, heard[k])
		if err != nil {
			t.Errorf("%v in %s", err, k)
			continue
		}
		sorts := slices.ContainsFunc(plan, func(l string) bool { return strings.Contains(l, "TEMP B-TREE") })
		for _, line := range plan {
			why := judge(heard[k], line, sorts, tables)
			if why == "" {
				continue
			}
			if well[short(k)] != "" {
				used[short(k)] = true
				continue
			}
			t.Errorf("%s: %s\n\t%s", why, line, k)
		}
	}
	for k := range well {
		if !used[k] {
			t.Errorf("the list has a reason for what is not asked any more, or reads little now:\n\t%s", k)
		}
	}
	t.Logf("%d statements", len(heard))
}

// The judge sees what it is there for.
func TestPlanJudge(t *testing.T) {
	tables := map[string]bool{"catalog_product": true, "catalog_text": true, "catalog_category": true, "job_job": true}
	for _, c := range []struct{ text, line, want string }{
		{`SELECT t.title FROM catalog_category c JOIN catalog_text t ON t.owner=c.id`, "SCAN t", "reads all of catalog_text"},
		{`SELECT t.title FROM catalog_category c JOIN catalog_text t ON t.owner=c.id`, "SCAN c", ""},
		{`SELECT id FROM catalog_product WHERE status=$1`, "SEARCH catalog_product USING INDEX x (status=?)", "finds a large part of catalog_product by status"},
		{`SELECT id FROM catalog_product WHERE status=$1 ORDER BY id LIMIT $2`, "SEARCH catalog_product USING INDEX x (status=?)", ""},
		{`SELECT id FROM catalog_product WHERE handle=$1`, "SEARCH catalog_product USING INDEX x (handle=?)", ""},
		{`SELECT id FROM job_job WHERE run_at>$1`, "SEARCH job_job USING INDEX x (run_at>?)", "reads a stretch of job_job without an end"},
		{`SELECT min(run_at) FROM job_job WHERE run_at>$1`, "SEARCH job_job USING INDEX x (run_at>?)", ""},
		{`SELECT 1`, "SEARCH a USING AUTOMATIC COVERING INDEX (b=?)", "builds an index for itself"},
	} {
		if got := judge(c.text, c.line, false, tables); got != c.want {
			t.Errorf("%s / %s: %q, want %q", c.text, c.line, got, c.want)
		}
	}
}

var dollar = regexp.MustCompile(`\$(\d+)`)

func planOf(eye *sql.DB, text string) ([]string, error) {
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(text)), " ")
	if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}, word) {
		return nil, nil
	}
	n := 0
	for _, m := range dollar.FindAllStringSubmatch(text, -1) {
		var k int
		fmt.Sscan(m[1], &k)
		n = max(n, k)
	}
	rows, err := eye.Query("EXPLAIN QUERY PLAN "+dollar.ReplaceAllString(text, "?$1"), make([]any, n)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id, parent, x int
		var detail string
		if err := rows.Scan(&id, &parent, &x, &detail); err != nil {
			return nil, err
		}
		out = append(out, detail)
	}
	return out, rows.Err()
}
