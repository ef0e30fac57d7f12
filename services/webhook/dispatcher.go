package webhook

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wantgo/wantgo/pusher/dial"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

const (
	// mostInFlight bounds requests under way in this process, takenAtOnce those that are begun for one endpoint in a
	// round; it has at most twice as many.
	mostInFlight = 64
	takenAtOnce  = 4
	lease        = sendTimeout + 5*time.Second
	roundEvery   = 500 * time.Millisecond
	// failuresInRow is how often an endpoint fails at one node before every node leaves it alone for a while: firstPause, and
	// twice as long after each probe that fails too, at most longestPause.
	failuresInRow = 5
	firstPause    = time.Second
	longestPause  = time.Minute
	// oldest is how long a letter waits at most for an endpoint that takes nothing.
	oldest      = 72 * time.Hour
	expireEvery = 10 * time.Minute
)

// waits are what lies between attempts, each a fifth more or less: 25.7 hours in all.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 10 * time.Hour,
}

// Brands is what the dispatcher needs to know of brands; the engine knows it, within two seconds.
type Brands interface {
	Now() time.Time
	Node() uuid.UUID
	Brands() []*brand.Brand
	Brand(brandID uuid.UUID) (*brand.Brand, error)
	Webhooks(brandID uuid.UUID) []brand.Webhook
	Webhook(brandID, id uuid.UUID) (brand.Webhook, error)
	Store(brandID, id uuid.UUID) (*store.Store, error)
	OpenWebhookSecret(brandID uuid.UUID, sealed []byte) ([]byte, error)
	// ProvideTo writes the record that a third party is told where and when a person was, once by the letter's id, by the
	// consents as they stand: engine.ErrNotAgreed, and nothing is written.
	ProvideTo(ctx context.Context, key engine.PersonKey, w *brand.Webhook, l *engine.Letter) error
	// DisableWebhook notes that an endpoint wants no more, unless it was written meanwhile.
	DisableWebhook(ctx context.Context, w *brand.Webhook) error
}

var _ Brands = (*engine.Engine)(nil)

// Config sets a Dispatcher up.
type Config struct {
	Brands  Brands
	Storage Storage
	// Private are addresses, host:port, that may be reached although they are not public, also without TLS.
	Private  []string
	Roots    *x509.CertPool // nil: the system's
	Registry prometheus.Registerer
	Log      *slog.Logger
}

// Dispatcher tells webhooks what happens. Its methods are safe for concurrent use.
type Dispatcher struct {
	c         Config
	log       *slog.Logger
	transport *http.Transport
	attempts  *prometheus.CounterVec
	wake      chan struct{}
	handling  sync.WaitGroup

	mu    sync.Mutex
	total int
	of    map[uuid.UUID]*endpoint
}

// endpoint is how this node fares with one webhook.
type endpoint struct {
	inFlight int
	failures int // in a row
}

// New makes a dispatcher. Nothing is sent before Run, but for Test.
func New(c Config) *Dispatcher {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{c: c, log: c.Log, wake: make(chan struct{}, 1), of: map[uuid.UUID]*endpoint{},
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "wantgo", Name: "webhook_attempts_total",
			Help: "Letters to webhooks by what became of an attempt: accepted, failed, dead, withheld, disabled."}, []string{"outcome"})}
	d.transport = dial.NewTransport(dial.Options{Allow: d.Private, Roots: c.Roots, PerHost: 2 * takenAtOnce})
	if c.Registry != nil {
		c.Registry.MustRegister(d.attempts)
	}
	return d
}

// Private tells the addresses, host:port, that the operator allows although they may not be public.
func (d *Dispatcher) Private(address string) bool { return slices.Contains(d.c.Private, address) }

// Storage is where letters are kept.
func (d *Dispatcher) Storage() Storage { return d.c.Storage }

// Run tells until ctx ends, and then waits for what is under way. What it could not finish is another's when its lease
// has ended.
func (d *Dispatcher) Run(ctx context.Context) error {
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	defer d.transport.CloseIdleConnections()
	defer d.handling.Wait()
	failing, expired := false, time.Time{}
	for {
		begun, err := d.Round(ctx)
		if now := time.Now(); err == nil && now.Sub(expired) > expireEvery {
			err, expired = d.expire(ctx), now
		}
		if err != nil && ctx.Err() == nil && !failing {
			d.log.Error("letters to webhooks cannot be read", "error", err)
		}
		failing = err != nil
		if begun > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-d.wake:
		}
	}
}

// Round begins what is due and there is room for, and tells how much. Wait waits for it.
func (d *Dispatcher) Round(ctx context.Context) (begun int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, nil
	}
	hooks := d.open()
	if len(hooks) == 0 {
		return 0, nil
	}
	ids := make([]uuid.UUID, 0, len(hooks))
	for id := range hooks {
		ids = append(ids, id)
	}
	letters, err := d.c.Storage.Claim(ctx, d.c.Brands.Node(), lease, ids, takenAtOnce)
	for i := range letters {
		l := &letters[i]
		hook := hooks[l.WebhookID]
		if hook == nil || hook.BrandID != l.Key.BrandID {
			continue // another brand's row would be a fault of storage; nobody is told
		}
		d.enter(hook.ID)
		d.handling.Go(func() {
			defer d.leave(hook.ID)
			d.handle(context.WithoutCancel(ctx), hook, l)
		})
		begun++
	}
	return begun, err
}

// Wait waits for what was begun.
func (d *Dispatcher) Wait() { d.handling.Wait() }

// open are the webhooks that there is room for, a random choice where there is not room for all.
func (d *Dispatcher) open() map[uuid.UUID]*brand.Webhook {
	var all []brand.Webhook
	for _, b := range d.c.Brands.Brands() {
		all = append(all, d.c.Brands.Webhooks(b.ID)...)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	d.mu.Lock()
	defer d.mu.Unlock()
	open, room := map[uuid.UUID]*brand.Webhook{}, (mostInFlight-d.total)/takenAtOnce
	for i := range all {
		e := d.of[all[i].ID]
		switch {
		case len(open) >= room:
			return open
		case !all[i].Open(), e != nil && e.inFlight > takenAtOnce:
		default:
			open[all[i].ID] = &all[i]
		}
	}
	return open
}

func (d *Dispatcher) enter(id uuid.UUID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of[id] == nil {
		d.of[id] = &endpoint{}
	}
	d.of[id].inFlight++
	d.total++
}

func (d *Dispatcher) leave(id uuid.UUID) {
	d.mu.Lock()
	e := d.of[id]
	e.inFlight--
	d.total--
	if e.inFlight == 0 && e.failures == 0 {
		delete(d.of, id)
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// note takes how an attempt ended. An endpoint that fails again and again is left alone for longer and longer, by all
// nodes: what waits for it costs it nothing meanwhile, and one letter of one node asks whether it is back.
func (d *Dispatcher) note(ctx context.Context, l *Letter, accepted bool) error {
	failing := d.failsInRow(l.WebhookID, accepted)
	switch {
	case l.Probe && accepted:
		return d.c.Storage.Fare(ctx, d.c.Brands.Node(), l, Recovered, 0)
	case l.Probe:
		return d.c.Storage.Fare(ctx, d.c.Brands.Node(), l, Failing, pauseAt(l.Step+1))
	case failing:
		return d.c.Storage.Fare(ctx, d.c.Brands.Node(), l, Failing, pauseAt(0))
	}
	return nil
}

// pauseAt is for how long an endpoint is left alone that has failed so many probes.
func pauseAt(step int) time.Duration { return min(firstPause<<min(step, 20), longestPause) }

// failsInRow counts an attempt of this node, and tells whether the endpoint is to be left alone.
func (d *Dispatcher) failsInRow(id uuid.UUID, accepted bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.of[id]
	e.failures++
	enough := !accepted && e.failures >= failuresInRow
	if accepted || enough {
		e.failures = 0
	}
	return enough
}

// handle takes one letter as far as it goes.
func (d *Dispatcher) handle(ctx context.Context, hook *brand.Webhook, l *Letter) {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	err := d.tell(ctx, hook, l)
	if l.Probe { // it was not posted: the next may be
		err = errors.Join(err, d.c.Storage.Fare(context.WithoutCancel(ctx), d.c.Brands.Node(), l, Unknown, 0))
	}
	if err != nil { // the lease ends by itself, and the letter is due again
		d.log.Error("a letter to a webhook was not settled", "brand", hook.BrandID, "webhook", hook.ID, "letter", l.ID, "error", err)
	}
}

func (d *Dispatcher) tell(ctx context.Context, hook *brand.Webhook, l *Letter) error {
	node, now := d.c.Brands.Node(), d.c.Brands.Now()
	b, err := d.c.Brands.Brand(hook.BrandID)
	if err != nil {
		return err
	}
	fact, err := d.c.Storage.FactOf(ctx, l)
	if err != nil {
		return err
	}
	t := &telling{hook: hook, brand: b, now: now, stores: func(id uuid.UUID) (*store.Store, error) { return d.c.Brands.Store(hook.BrandID, id) }}
	switch {
	case fact.Incomplete:
		return d.c.Storage.Delay(ctx, node, l, ripening(l.Attempt), "", true)
	case t.withheld(l, &fact):
		d.attempts.WithLabelValues("withheld").Inc()
		return d.c.Storage.Told(ctx, node, l)
	case l.Awaits:
		return d.c.Storage.Ripen(ctx, node, l)
	}
	switch err := d.record(ctx, t, l, &fact); {
	case errors.Is(err, engine.ErrNotFound), errors.Is(err, engine.ErrGone), err == nil && t.withheld(l, &fact):
		d.attempts.WithLabelValues("withheld").Inc()
		return d.c.Storage.Told(ctx, node, l)
	case err != nil:
		return err
	}
	if wait := t.early(l, &fact); wait > 0 {
		return d.c.Storage.Delay(ctx, node, l, wait+rand.N(time.Hour), "", false)
	}
	content, err := t.say(l, &fact)
	if err != nil {
		return err
	}
	return d.settle(ctx, hook, l, d.post(ctx, hook, l.ID.String(), content))
}

// record writes that the person's location is used or provided, before it is. Somebody who was found not to agree any more
// is told of as if that had been known from the start.
func (d *Dispatcher) record(ctx context.Context, t *telling, l *Letter, f *Fact) error {
	if use, ok := t.use(l, f); ok {
		return d.c.Storage.Provide(ctx, l.Key, use)
	}
	if !t.provides(l, f) {
		return nil
	}
	err := d.c.Brands.ProvideTo(ctx, l.Key, t.hook, &l.Letter)
	if errors.Is(err, engine.ErrNotAgreed) {
		t.refused, err = true, nil
	}
	return err
}

// ripening is how long until an unfinished fact is looked at again.
func ripening(attempt int) time.Duration {
	return min(time.Second<<min(max(attempt-1, 0), 10), time.Minute)
}

// settle writes what an attempt came to. The attempt itself may have used up the lease's context.
func (d *Dispatcher) settle(ctx context.Context, hook *brand.Webhook, l *Letter, a Answer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	node := d.c.Brands.Node()
	noted := d.note(ctx, l, a.Accepted)
	l.Probe = false
	var err error
	switch {
	case a.Accepted:
		d.attempts.WithLabelValues("accepted").Inc()
		err = d.c.Storage.Told(ctx, node, l)
	case a.Gone:
		err = d.disable(ctx, hook, l, a.Code)
	case l.Attempt > len(waits):
		d.attempts.WithLabelValues("dead").Inc()
		err = d.c.Storage.GiveUp(ctx, node, l, a.Code)
	default:
		d.attempts.WithLabelValues("failed").Inc()
		err = d.c.Storage.Delay(ctx, node, l, max(jittered(waits[max(l.Attempt-1, 0)]), a.RetryAfter), a.Code, true)
	}
	return errors.Join(err, noted)
}

// disable leaves an endpoint alone that wants no more, until somebody writes it anew; what waits for it waits.
func (d *Dispatcher) disable(ctx context.Context, hook *brand.Webhook, l *Letter, code string) error {
	d.attempts.WithLabelValues("disabled").Inc()
	err := d.c.Storage.Delay(ctx, d.c.Brands.Node(), l, jittered(waits[0]), code, false)
	d.log.Warn("a webhook wants no more and is disabled", "brand", hook.BrandID, "webhook", hook.ID)
	return errors.Join(err, d.c.Brands.DisableWebhook(ctx, hook))
}

func jittered(wait time.Duration) time.Duration {
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
}

// expire gives up what has waited too long for an endpoint that takes nothing.
func (d *Dispatcher) expire(ctx context.Context) error {
	for _, b := range d.c.Brands.Brands() {
		for _, hook := range d.c.Brands.Webhooks(b.ID) {
			n, err := d.c.Storage.Expire(ctx, hook.ID, d.c.Brands.Now().Add(-oldest))
			if err != nil {
				return err
			}
			d.attempts.WithLabelValues("dead").Add(float64(n))
		}
	}
	return nil
}

// Test posts one event about nobody and tells what came back.
func (d *Dispatcher) Test(ctx context.Context, hook *brand.Webhook) (Answer, error) {
	b, err := d.c.Brands.Brand(hook.BrandID)
	if err != nil {
		return Answer{}, err
	}
	now := d.c.Brands.Now().UTC().Truncate(time.Millisecond)
	content, err := json.Marshal(&body{Type: "webhook.test", Timestamp: &now,
		Data: bodyData{Date: now.In(b.Settings.Zone()).Format(time.DateOnly), BrandID: b.ID.String()}})
	if err != nil {
		return Answer{}, err
	}
	return d.post(ctx, hook, uuid.NewString(), content), nil
}
