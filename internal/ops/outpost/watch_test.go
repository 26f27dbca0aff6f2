package outpost

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

func TestSilenceIsNoticedHere(t *testing.T) {
	clk, log := &clock{at: time.Now()}, &said{}
	p := start(t, Options{Now: clk.now, Log: slog.New(slog.NewTextHandler(log, nil)), Silence: time.Minute, StatusAddr: "127.0.0.1:0"})
	c := newCustomer(t)
	s := c.join(t, p)
	status := func() ShopStatus {
		t.Helper()
		res, err := http.Get("http://" + p.StatusAddr() + "/status")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var st Status
		if err := json.NewDecoder(res.Body).Decode(&st); err != nil || len(st.Shops) != 1 {
			t.Fatalf("%+v %v", st, err)
		}
		return st.Shops[0]
	}
	if st := status(); st.State != "waiting" {
		t.Errorf("%+v", st)
	}
	head := func() {
		t.Helper()
		if err := s.Replace(context.Background(), "keys/head.kvc", c.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: 1, Site: "watch"}, nil)); err != nil {
			t.Fatal(err)
		}
	}
	head()
	p.look(context.Background())
	if st := status(); st.State != "ok" || log.has("silent") {
		t.Errorf("%+v", st)
	}
	clk.forward(61 * time.Second)
	p.look(context.Background())
	if st := status(); st.State != "silent" || !st.Silent || !log.has("the shop is silent") {
		t.Errorf("%+v", st)
	}
	head()
	p.look(context.Background())
	if st := status(); st.State != "ok" || !log.has("heard again") {
		t.Errorf("%+v", st)
	}
}
