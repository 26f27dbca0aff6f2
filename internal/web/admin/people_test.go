package admin_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/lesson"
)

// answers are the fields of a lesson's form, all right or with the first one wrong.
func (o *office) answers(role, id string, right bool) []string {
	l, _ := lesson.ByID(id)
	out := []string{"version", strconv.FormatInt(l.Version, 10)}
	for i, q := range lesson.Ask(l, lang.SV, o.member(role).id) {
		for k, a := range q.Answers {
			if a.Right {
				if !right && i == 0 {
					k = (k + 1) % len(q.Answers)
				}
				out = append(out, "q"+strconv.Itoa(i+1), strconv.Itoa(k))
			}
		}
	}
	return out
}

// A member reads his lesson and passes it, and it stands in the record that the owner
// sees and can take home.
func TestLessons(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b, owner := o.as("orders"), o.as("owner")
		if a := b.page("/admin/lessons"); !strings.Contains(a.body, "/admin/lessons/refunds") || strings.Contains(a.body, "/admin/lessons/invoices") || strings.Contains(a.body, "/admin/lessons/record") {
			t.Error("the list of who packs is another's")
		}
		a := b.page("/admin/lessons/refunds")
		if strings.Contains(a.body, "Inte riktigt") || strings.Contains(a.text(), "Banken kopplar det gamla kortet") {
			t.Error("the reasons stand there before the answer")
		}
		if a := b.post("/admin/lessons/refunds/answers", "version", "1"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "3 frågor saknar svar") {
			t.Errorf("nothing answered: %d %.300s", a.status, a.text())
		}
		a = b.post("/admin/lessons/refunds/answers", o.answers("orders", "refunds", false)...)
		if a.status != http.StatusOK || !strings.Contains(a.body, "2 av 3 är rätt") || strings.Count(a.body, "Inte riktigt") != 1 || strings.Count(a.body, "checked") != 3 {
			t.Errorf("one wrong: %d %.600s", a.status, a.text())
		}
		structure(t, "one wrong", a.body)
		if a := b.post("/admin/lessons/refunds/answers", append(o.answers("orders", "refunds", true)[2:], "version", "9")...); a.status != http.StatusConflict {
			t.Errorf("another version: %d", a.status)
		}
		if a := b.done("/admin/lessons/refunds/answers", o.answers("orders", "refunds", true)...); !strings.Contains(a.body, "Alla rätt") || !strings.Contains(a.text(), "Banken kopplar det gamla kortet") {
			t.Errorf("passed: %.600s", a.text())
		}
		if a := b.get("/admin/lessons/none"); a.status != http.StatusNotFound {
			t.Errorf("a lesson that is none: %d", a.status)
		}
		if a := owner.page("/admin/lessons/record"); !strings.Contains(a.text(), "Kim orders") || !strings.Contains(a.body, "1/") {
			t.Errorf("the record: %.600s", a.text())
		}
		if a := owner.page("/admin/lessons/record/" + o.member("orders").id.String()); !strings.Contains(a.text(), "Återbetalningar") {
			t.Errorf("the record of one: %.600s", a.text())
		}
		csv := owner.page("/admin/lessons/record.csv")
		if !strings.Contains(csv.header.Get("Content-Disposition"), "attachment") || !strings.Contains(csv.body, `"Kim orders";"Order";"Återbetalningar`) {
			t.Errorf("%v %.300s", csv.header, csv.body)
		}
		for _, path := range []string{"/admin/lessons/record", "/admin/lessons/record.csv", "/admin/lessons/record/" + o.member("orders").id.String(), "/admin/lessons/needs"} {
			if a := b.get(path); a.status != http.StatusForbidden {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})
}

// A name that a spreadsheet would take for a formula is text in the file.
func TestRecordIsNoFormula(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		owner := o.as("owner")
		owner.post("/admin/staff", "name", "=HYPERLINK(1)", "email", "x@butik.example", "role", "reader")
		o.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE auth_staff SET state='active' WHERE state='invited'`)
			return err
		})
		a := owner.page("/admin/lessons/record.csv")
		if !strings.Contains(a.body, `"'=HYPERLINK(1)"`) || strings.Contains(a.body, `"=`) {
			t.Errorf("%.600s", a.body)
		}
	})
}

// A right whose lesson is late is refused with a sentence and a way to the lesson, and
// is there again when it is passed; the owner too gets to the lessons, whatever he demands.
func TestRightWaitsForLesson(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		owner := o.as("owner")
		if a := owner.post("/admin/lessons/needs", "right", "staff.write", "lesson", "phishing", "grace", "x"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Skriv ett tal") {
			t.Errorf("%d %.300s", a.status, a.text())
		}
		if a := owner.done("/admin/lessons/needs", "right", "staff.write", "lesson", "phishing", "grace", "3"); !strings.Contains(a.text(), "3 dagar") {
			t.Errorf("%.600s", a.text())
		}
		if err := o.admin.Lessons.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		owner.page("/admin/staff")
		o.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE lesson_state SET due_at=$1`, tx.Now().Add(-4*24*time.Hour))
			return err
		})
		a := owner.get("/admin/staff")
		if a.status != http.StatusForbidden || !strings.Contains(a.text(), "Läs lektionen om nätfiske först") || !strings.Contains(a.body, `href="/admin/lessons/phishing"`) {
			t.Errorf("%d %.600s", a.status, a.text())
		}
		if a := owner.page("/admin"); !strings.Contains(a.body, "/admin/lessons") {
			t.Error("the front page is silent")
		}
		owner.page("/admin/lessons")
		owner.page("/admin/lessons/phishing")
		owner.done("/admin/lessons/phishing/answers", o.answers("owner", "phishing", true)...)
		owner.page("/admin/staff")
		// And he can take the demand away, whose version the page tells.
		if a := owner.done("/admin/lessons/needs", "right", "staff.write", "lesson", "none", "grace", "3", "version.staff.write", "1"); !strings.Contains(a.text(), "Ingen rättighet kräver") {
			t.Errorf("%.600s", a.text())
		}
	})
}

var incidentPath = regexp.MustCompile(`^/admin/incidents/[0-9]+$`)

// Anybody who is signed in says that something feels wrong, from any page, and follows it;
// who leads takes it, marks it, and closes it with what was learned.
func TestFeelsWrong(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b, other, owner := o.as("reader"), o.as("support"), o.as("owner")
		for _, path := range []string{"/admin", "/admin/products", "/admin/security", "/admin/lessons"} {
			if a := b.page(path); !strings.Contains(a.body, `href="/admin/incidents/new?at=`+strings.ReplaceAll(path, "/", "%2F")+`"`) {
				t.Errorf("%s has no button", path)
			}
		}
		if a := b.page("/admin/incidents/new?at=%2Fadmin%2Forders%2F%7Bnumber%7D"); !strings.Contains(a.text(), "/admin/orders/…") {
			t.Errorf("%.600s", a.text())
		}
		if a := b.page("/admin/incidents/new?at=%2Fadmin%2Forders%2F10482"); strings.Contains(a.body, `value="/admin/orders/10482"`) || strings.Contains(a.text(), "Vi tar med") {
			t.Error("an address with a number is taken along")
		}
		a := b.post("/admin/incidents", "at", "/admin/orders/{number}", "text", "Skärmen <b>blinkade</b>")
		path := a.location()
		if a.status != http.StatusSeeOther || !incidentPath.MatchString(path) {
			t.Fatalf("%d %q", a.status, path)
		}
		if again := b.post("/admin/incidents", "at", "", "text", ""); again.location() != path {
			t.Errorf("the second press leads to %q", again.location())
		}
		page := b.page(path)
		if !strings.Contains(page.text(), "Du har gjort rätt") || !strings.Contains(page.body, "Skärmen &lt;b&gt;blinkade") || strings.Contains(page.body, "/take") {
			t.Errorf("%.900s", page.text())
		}
		structure(t, path, page.body)
		if a := other.get(path); a.status != http.StatusNotFound {
			t.Errorf("another member: %d", a.status)
		}
		if a := other.post(path+"/note", "text", "x"); a.status != http.StatusNotFound {
			t.Errorf("another member's note: %d", a.status)
		}
		if a := b.post(path + "/take"); a.status != http.StatusForbidden {
			t.Errorf("who opened it takes it: %d", a.status)
		}
		owner.done("/admin/incidents/call", "name", "Eva Ek", "phone", "08-12 34 56", "contact_version", "0")
		if a := owner.page("/admin"); !strings.Contains(a.body, "/admin/incidents") || !strings.Contains(a.text(), "har ingen tagit") {
			t.Error("the front page is silent")
		}
		owner.done(path + "/take")
		if a := b.page(path); !strings.Contains(a.text(), "Kim owner har tagit den") || !strings.Contains(a.text(), "ring Eva Ek, 08-12 34 56") {
			t.Errorf("%.900s", a.text())
		}
		b.done(path+"/note", "text", "Klockan var tio.")
		if a := owner.post(path+"/note", "text", "  "); a.status != http.StatusUnprocessableEntity {
			t.Errorf("an empty note: %d", a.status)
		}
		owner.done(path+"/severity", "severity", "critical")
		if a := owner.done(path+"/personal", "to", "suspected", "from", "now"); !strings.Contains(a.text(), "2 dygn 23 timmar kvar") || !strings.Contains(a.text(), "artikel 33.3") {
			t.Errorf("%.900s", a.text())
		}
		a = owner.post(path+"/close", "learned", "Vi bytte kabel.")
		if a.status != http.StatusConflict || !strings.Contains(a.text(), "Anteckna först") || !strings.Contains(a.body, "Vi bytte kabel.") {
			t.Errorf("closed with the clock running: %d %.600s", a.status, a.text())
		}
		if a := owner.post(path+"/personal", "to", "cleared", "why", ""); a.status != http.StatusUnprocessableEntity || strings.Count(a.body, `class="summary"`) != 1 {
			t.Errorf("cleared without a reason: %d", a.status)
		}
		owner.done(path+"/personal", "to", "reported", "reference", "IMY-1")
		owner.done(path+"/close", "learned", "Vi bytte kabel.")
		page = owner.page(path)
		for _, want := range []string{"Kim reader sa till", "Kim reader sa till igen", "Kim owner tog händelsen", "satte allvaret till akut", "möjlig personuppgiftsincident", "är anmäld", "Vi bytte kabel."} {
			if !strings.Contains(page.text(), want) {
				t.Errorf("the timeline does not say %q", want)
			}
		}
		structure(t, path, page.body)
		if a := owner.done(path+"/reopen", "why", "Det blinkar igen."); !strings.Contains(a.text(), "öppnade händelsen igen") {
			t.Errorf("%.600s", a.text())
		}
		if a := owner.page("/admin/incidents?show=all"); !strings.Contains(a.body, path) {
			t.Error("the list lacks it")
		}
		if a := other.page("/admin/incidents?show=all"); strings.Contains(a.body, path) {
			t.Error("another member's list has it")
		}
	})
}
