package webhook

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// world is a brand with one endpoint, its letters in the plainest storage, and a clock that stands until it is moved.
type world struct {
	*Dispatcher
	others []*Dispatcher // on other nodes
	hook   brand.Webhook
	server *httptest.Server
	answer func(id string, attempt int) (status int, retryAfter string)

	mu       sync.Mutex
	now      time.Time
	letters  []*kept
	told     []string // accepted, in order
	asked    map[string][]time.Time
	node     uuid.UUID
	disabled int
	seq      int
	profile  audience.Profile // everybody's
	changed  bool             // the consents, between the reading of a fact and the record
	provided map[uuid.UUID]int
	bodies   []string
	failing  *failing // nil: the endpoint takes what it is told
	fares    int      // writes of failing
}

// failing is what all nodes know of an endpoint that takes nothing.
type failing struct {
	step   int
	until  time.Time
	prober uuid.UUID
}

// nodeOf is another node of a world.
type nodeOf struct {
	*world
	id uuid.UUID
}

func (n nodeOf) Node() uuid.UUID { return n.id }

// join starts another node.
func (w *world) join() {
	w.others = append(w.others, New(Config{Brands: nodeOf{w, uuid.New()}, Storage: w, Private: w.c.Private}))
}

// kept is a stored letter.
type kept struct {
	Letter
	seq    int
	next   time.Time
	leased bool
	dead   bool
	code   string
}

func newWorld(t *testing.T) *world {
	w := &world{now: time.Date(2026, 5, 13, 3, 30, 0, 0, time.UTC), node: uuid.New(), asked: map[string][]time.Time{}, profile: audience.Profile{OfAge: true},
		provided: map[uuid.UUID]int{}}
	w.answer = func(string, int) (int, string) { return http.StatusOK, "" }
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	w.hook = brand.Webhook{ID: uuid.New(), BrandID: uuid.New(), URL: w.server.URL, Recipient: brand.Processor, Events: []brand.WebhookEvent{brand.CouponRedeemed}, Version: 1}
	w.Dispatcher = New(Config{Brands: w, Storage: w, Private: []string{w.server.Listener.Addr().String()}})
	t.Cleanup(w.transport.CloseIdleConnections)
	return w
}

// letter stores one more about a person.
func (w *world) letter(person byte) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	k := &kept{seq: w.seq, next: w.now, Letter: Letter{Key: engine.PersonKey{BrandID: w.hook.BrandID, PersonID: uuid.UUID{person}},
		Letter: engine.Letter{ID: uuid.New(), WebhookID: w.hook.ID, FactID: uuid.New(), Event: brand.CouponRedeemed, At: w.now}}}
	w.letters = append(w.letters, k)
	return k.ID.String()
}

// ServeHTTP is the endpoint.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	content, _ := io.ReadAll(r.Body)
	id := r.Header.Get("webhook-id")
	w.mu.Lock()
	w.asked[id] = append(w.asked[id], w.now)
	status, retry := w.answer(id, len(w.asked[id]))
	if status/100 == 2 {
		w.told, w.bodies = append(w.told, id), append(w.bodies, string(content))
	}
	w.mu.Unlock()
	if retry != "" {
		out.Header().Set("Retry-After", retry)
	}
	out.WriteHeader(status)
}

// pass lets d go by, everything being told when it is due.
func (w *world) pass(t *testing.T, d time.Duration) {
	t.Helper()
	for end := w.Now().Add(d); ; {
		for begun := 1; begun > 0; {
			begun = 0
			for _, d := range append([]*Dispatcher{w.Dispatcher}, w.others...) {
				n, err := d.Round(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				begun += n
			}
			for _, d := range append([]*Dispatcher{w.Dispatcher}, w.others...) {
				d.Wait()
			}
		}
		w.mu.Lock()
		next := end
		for _, k := range w.letters {
			if !k.dead && !k.leased && k.next.After(w.now) && k.next.Before(next) {
				next = k.next
			}
		}
		if f := w.failing; f != nil && f.until.After(w.now) && f.until.Before(next) {
			next = f.until // what is due waits while the endpoint is left alone
		}
		over := !next.Before(end)
		w.now = next
		w.mu.Unlock()
		if over {
			return
		}
	}
}

// The brands.

func (w *world) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}
func (w *world) Node() uuid.UUID { return w.node }
func (w *world) Brands() []*brand.Brand {
	b := &brand.Brand{ID: w.hook.BrandID, Settings: brand.Default(brand.KR)}
	b.Settings.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "1", Date: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	return []*brand.Brand{b}
}
func (w *world) Brand(uuid.UUID) (*brand.Brand, error) { return w.Brands()[0], nil }
func (w *world) Webhooks(uuid.UUID) []brand.Webhook {
	w.mu.Lock()
	defer w.mu.Unlock()
	return []brand.Webhook{w.hook}
}
func (w *world) Webhook(uuid.UUID, uuid.UUID) (brand.Webhook, error) { return w.hook, nil }
func (w *world) Store(uuid.UUID, uuid.UUID) (*store.Store, error)    { return nil, engine.ErrNotFound }
func (w *world) OpenWebhookSecret(uuid.UUID, []byte) ([]byte, error) {
	return []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), nil
}
func (w *world) ProvideTo(_ context.Context, _ engine.PersonKey, _ *brand.Webhook, l *engine.Letter) error {
	if w.changed {
		return engine.ErrNotAgreed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.provided[l.ID]++
	return nil
}
func (w *world) DisableWebhook(context.Context, *brand.Webhook) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook.DisabledAt = w.now
	w.disabled++
	return nil
}

// The storage.

func (w *world) before(k *kept) *kept {
	for _, e := range w.letters {
		if e.Key == k.Key && e.seq < k.seq && !e.dead {
			return e
		}
	}
	return nil
}

func (w *world) Claim(_ context.Context, node uuid.UUID, lease time.Duration, _ []uuid.UUID, each int) (taken []Letter, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	probe := w.failing
	if probe != nil {
		if probe.until.After(w.now) {
			return nil, nil
		}
		each = 1
	}
	defer func() {
		if probe != nil && len(taken) > 0 {
			probe.prober, probe.until = node, w.now.Add(lease)
			taken[0].Probe, taken[0].Step = true, probe.step
			w.fares++
		}
	}()
	for _, k := range w.letters {
		switch e := w.before(k); {
		case k.dead || k.leased || k.next.After(w.now) || len(taken) == each:
		case e != nil:
			k.next = e.next
		default:
			k.leased, k.next = true, w.now.Add(lease)
			k.Attempt++
			taken = append(taken, k.Letter)
		}
	}
	return taken, nil
}

func (w *world) change(l *Letter, f func(k *kept)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.letters, func(k *kept) bool { return k.ID == l.ID })
	w.letters[i].leased = false
	f(w.letters[i])
	return nil
}

func (w *world) Fare(_ context.Context, node uuid.UUID, l *Letter, f Fare, pause time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fares++
	switch {
	case l.Probe && (w.failing == nil || w.failing.prober != node):
	case f == Failing && l.Probe:
		*w.failing = failing{step: l.Step + 1, until: w.now.Add(pause)}
	case f == Failing && w.failing == nil:
		w.failing = &failing{until: w.now.Add(pause)}
	case f == Recovered:
		w.failing = nil
	case f == Unknown:
		*w.failing = failing{step: w.failing.step, until: w.now}
	}
	return nil
}

func (w *world) Ripen(context.Context, uuid.UUID, *Letter) error { return nil }

func (w *world) Delay(_ context.Context, _ uuid.UUID, l *Letter, wait time.Duration, code string, counted bool) error {
	return w.change(l, func(k *kept) {
		k.next, k.code = w.now.Add(wait), cmp.Or(code, k.code)
		if !counted {
			k.Attempt--
		}
	})
}

func (w *world) wakeNext(l *Letter) {
	for _, k := range w.letters {
		if k.Key == l.Key && !k.dead && !k.leased && k.Attempt == 0 {
			k.next = w.now
		}
	}
}

func (w *world) Told(_ context.Context, _ uuid.UUID, l *Letter) error {
	return w.change(l, func(k *kept) {
		w.letters = slices.DeleteFunc(slices.Clone(w.letters), func(e *kept) bool { return e == k })
		w.wakeNext(l)
	})
}

func (w *world) GiveUp(_ context.Context, _ uuid.UUID, l *Letter, code string) error {
	return w.change(l, func(k *kept) {
		k.dead, k.code = true, code
		w.wakeNext(l)
	})
}

func (w *world) FactOf(_ context.Context, l *Letter) (Fact, error) {
	w.mu.Lock()
	profile := w.profile
	w.mu.Unlock()
	switch l.Event {
	case brand.VisitEntered:
		return Fact{Profile: &profile, Place: &engine.Place{ID: l.FactID, StoreID: uuid.New(), At: l.At}}, nil
	case brand.DecisionMade:
		return Fact{Profile: &profile, Trace: &engine.Trace{ID: l.FactID, At: l.At}}, nil
	}
	return Fact{Profile: &profile, Coupon: &campaign.Coupon{ID: l.FactID, Redemption: &campaign.Redemption{ID: uuid.New(), At: l.At}}}, nil
}

func (w *world) Provide(context.Context, engine.PersonKey, engine.LocationUse) error { return nil }

func (w *world) DeadLetters(context.Context, uuid.UUID, uuid.UUID, DeadCursor, int) ([]DeadLetter, error) {
	return nil, nil
}

func (w *world) Replay(context.Context, uuid.UUID, uuid.UUID, []uuid.UUID, int) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.letters {
		if k.dead {
			k.dead, k.Attempt, k.next = false, 0, w.now
			n++
		}
	}
	return n, nil
}

func (w *world) Standings(context.Context, uuid.UUID, []uuid.UUID) (map[uuid.UUID]Standing, error) {
	return nil, nil
}
func (w *world) Expire(context.Context, uuid.UUID, time.Time) (int, error) { return 0, nil }
func (w *world) Discard(context.Context, uuid.UUID, uuid.UUID) error       { return nil }
