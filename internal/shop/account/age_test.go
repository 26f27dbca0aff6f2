package account

import (
	"testing"
	"time"
)

// A customer's password has no end: one that was set ten years ago signs in, and nothing asks for another.
func TestPasswordsHaveNoEnd(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.account("kim@example.se")
		if err := b.password(longPassword); err != nil {
			t.Fatal(err)
		}
		long := time.Now().Add(-10 * 365 * 24 * time.Hour).UnixMicro()
		w.exec(`UPDATE account_account SET created_at=$1`, long)
		w.exec(`UPDATE account_change SET made_at=$1`, long)
		jobs := w.count(`SELECT count(*) FROM job_job`)
		c := w.browser()
		e, err := c.signIn("kim@example.se", longPassword)
		if err != nil {
			t.Fatal(err)
		}
		if in := c.visitor(); in.Account != v.Account || in.Method != "password" || !in.IsFresh(time.Now()) || e.Second {
			t.Errorf("an old password opens less: %+v", in)
		}
		if n := w.count(`SELECT count(*) FROM job_job`); n != jobs {
			t.Errorf("%d letters about an old password", n-jobs)
		}
	})
}
