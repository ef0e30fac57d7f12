package chaos

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// fleet is a number of phones, what they are told, and what calls it took. Two neighbours may be of one person.
type fleet struct {
	w       *world
	phones  []*phone
	pinned  bool          // each phone stays on its node while that answers
	timeout time.Duration // of one attempt
	pause   time.Duration // between two reports of a phone, at most
	retries atomic.Int64
	calls   atomic.Int64
	fatal   faultList // errors that a client does not repeat after
	why     tally     // what it repeated after
	tills   tills
}

type faultList struct {
	mu  sync.Mutex
	all []error
}

func (l *faultList) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, err)
}

func (l *faultList) list() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}

// tally counts by name.
type tally struct {
	mu    sync.Mutex
	count map[string]int
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == nil {
		t.count = map[string]int{}
	}
	t.count[name]++
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprint(t.count)
}

// phone is one installation of the app.
type phone struct {
	f        *fleet
	name     int
	id       string
	person   int // phones of one person have the same
	address  string
	external string
	token    string
	presence []byte
	random   *rand.Rand
	node     int // whom it called last
	told     []told
	inside   int // the store that the acknowledged pings say; -1: none
	expected []told
	log      []string // what became of each ping
}

// told is a transition: as a phone was told it, as it must be, or as the database has it.
type told struct {
	phone string
	ping  string
	kind  string
	store string
}

// attempt is one call to a node.
type attempt func(ctx context.Context, n *node) error

// insist makes a call as the SDK does: on an error that allows it, again with the same ids, on the next node, after a
// while that grows. Nothing else ends it but an answer, an error that a client cannot mend, or the end of patience.
func (f *fleet) insist(ctx context.Context, first int, random *rand.Rand, call attempt) (last int, err error) {
	nodes := f.w.nodes
	wait := 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for at := first; ; at++ {
		n := nodes[at%len(nodes)]
		once, done := context.WithTimeout(ctx, f.timeout)
		err := call(once, n)
		done()
		f.calls.Add(1)
		if err == nil {
			return at % len(nodes), nil
		}
		if ctx.Err() != nil || !mayRepeat(err) {
			err = fmt.Errorf("node %d: %w", n.name, err)
			f.fatal.add(err)
			return at, err
		}
		f.retries.Add(1)
		f.why.add(status.Code(err).String() + " " + reasonOf(err))
		pause := wait/2 + time.Duration(random.Int64N(int64(wait)))
		wait = min(2*wait, time.Second)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// mayRepeat tells whether the contract lets a client try again: the transport failed, or the answer says when.
func mayRepeat(err error) bool {
	st := status.Convert(err)
	for _, detail := range st.Details() {
		if _, ok := detail.(*errdetails.RetryInfo); ok {
			return true
		}
	}
	return st.Code() == codes.Unavailable || st.Code() == codes.DeadlineExceeded
}

// reasonOf is the reason in an error of the API.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// fleet makes phones that can be reached and have agreed to everything. With paired, every other phone logs in as the
// person of its neighbour.
func (w *world) fleet(n int, paired bool) *fleet {
	w.t.Helper()
	f := &fleet{w: w, timeout: time.Minute, pause: pick(400*time.Millisecond, 1500*time.Millisecond), tills: tills{shown: map[string]int{}}}
	for i := range n {
		person := i
		if paired {
			person = i / 2
		}
		f.phones = append(f.phones, &phone{f: f, name: i, person: person, address: newID(), external: newID(), inside: -1, node: i,
			random: rand.New(rand.NewPCG(w.random.Uint64(), 1))})
	}
	people := newID()
	f.each(func(h *phone) error {
		if err := h.register(); err != nil {
			return err
		}
		if !paired {
			return h.consent()
		}
		return nil
	})
	if paired { // the first of a pair brings the consents, the second joins
		for _, half := range []int{0, 1} {
			f.each(func(h *phone) error {
				if h.name%2 != half {
					return nil
				}
				if half == 0 {
					if err := h.consent(); err != nil {
						return err
					}
				}
				return h.identify(fmt.Sprintf("%s-%d", people, h.person))
			})
		}
	}
	require.Empty(w.t, f.fatal.list(), "no phone could be set up")
	f.timeout = pick(2*time.Second, 5*time.Second) // nothing has gone wrong so far: whatever was slow is this host
	return f
}

// each runs something for every phone, some at once.
func (f *fleet) each(run func(h *phone) error) {
	next := make(chan *phone)
	var all sync.WaitGroup
	for range min(len(f.phones), pick(32, 64)) {
		all.Go(func() {
			for h := range next {
				if err := run(h); err != nil && len(f.fatal.list()) == 0 {
					f.fatal.add(err)
				}
			}
		})
	}
	for _, h := range f.phones {
		next <- h
	}
	close(next)
	all.Wait()
}

func (h *phone) context(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "wantgo-app-key", h.f.w.brand.AppKey, "authorization", "Bearer "+h.token)
}

// insist is the fleet's, beginning at the node that the phone prefers.
func (h *phone) insist(call attempt) error {
	first := h.node
	if !h.f.pinned {
		first = h.random.IntN(len(h.f.w.nodes))
	}
	last, err := h.f.insist(context.Background(), first, h.random, call)
	if !h.f.pinned {
		h.node = last
	}
	return err
}

func (h *phone) register() error {
	r := &v1.RegisterDeviceRequest{RequestId: newID(), Platform: v1.Device_ANDROID, AppBuild: "1", Locale: "ko", TimeZone: "Asia/Seoul",
		Age: &v1.RegisterDeviceRequest_MinimumAgeReached{MinimumAgeReached: true}}
	err := h.insist(func(ctx context.Context, n *node) error {
		made, err := v1.NewDeviceServiceClient(n.conn).RegisterDevice(h.f.w.app(ctx), r)
		h.id, h.token = made.GetDevice().GetId(), made.GetDeviceToken()
		return err
	})
	if err != nil {
		return err
	}
	a := &v1.UpdatePushAddressRequest{RequestId: newID(), PushAddress: &v1.PushAddress{Provider: v1.PushAddress_FCM, Kind: v1.PushAddress_TOKEN,
		Value: h.address, Permission: v1.PushAddress_GRANTED}}
	return h.insist(func(ctx context.Context, n *node) error {
		_, err := v1.NewDeviceServiceClient(n.conn).UpdatePushAddress(h.context(ctx), a)
		return err
	})
}

// consent agrees to all that a notification needs, at any hour.
func (h *phone) consent() error {
	hash := sha256.Sum256([]byte("what the person saw"))
	r := &v1.RecordConsentsRequest{RequestId: newID()}
	for _, purpose := range []v1.Consent_Purpose{v1.Consent_LOC_USE, v1.Consent_AD_PUSH, v1.Consent_AD_PUSH_NIGHT} {
		r.Consents = append(r.Consents, &v1.Consent{Purpose: purpose, State: v1.Consent_GRANTED, NoticeVersion: "1", NoticeHash: hash[:],
			Locale: "ko", Screen: "test", Actor: v1.Consent_SELF, OccurredTime: timestamppb.Now()})
	}
	return h.insist(func(ctx context.Context, n *node) error {
		_, err := v1.NewDeviceServiceClient(n.conn).RecordConsents(h.context(ctx), r)
		return err
	})
}

// identify says who holds the phone, as the brand's backend would.
func (h *phone) identify(person string) error {
	r, err := h.login(person)
	if err != nil {
		return err
	}
	return h.insist(func(ctx context.Context, n *node) error {
		answer, err := v1.NewDeviceServiceClient(n.conn).IdentifyPerson(h.context(ctx), r)
		if err == nil {
			h.token = answer.GetDeviceToken()
		}
		return err
	})
}

func (h *phone) login(person string) (*v1.IdentifyPersonRequest, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": "chaos", "sub": person, "exp": time.Now().Add(time.Hour).Unix()})
	token.Header["kid"] = "k1"
	signed, err := token.SignedString(h.f.w.signer)
	return &v1.IdentifyPersonRequest{RequestId: newID(), PersonJwt: signed}, err
}

// pingAt is a ping inside a store, or nowhere (-1).
func pingAt(store int, at time.Time) *v1.Ping {
	p := &v1.Ping{Id: newID(), AccuracyMeters: 5, ObservedTime: timestamppb.New(at)}
	if p.Latitude, p.Longitude = nowhere(); store >= 0 {
		p.Latitude, p.Longitude = place(store)
	}
	return p
}

// report tells pings at these stores until they are acknowledged, and what must come of them.
func (h *phone) report(at ...int) error {
	r := &v1.ReportPingsRequest{AppState: v1.Ping_BACKGROUND, PresenceToken: h.presence}
	now := time.Now()
	for i, store := range at {
		r.Pings = append(r.Pings, pingAt(store, now.Add(time.Duration(i-len(at))*10*time.Millisecond)))
	}
	var answer *v1.ReportPingsResponse
	err := h.insist(func(ctx context.Context, n *node) (err error) {
		r.SentTime = timestamppb.Now()
		answer, err = v1.NewLocationServiceClient(n.conn).ReportPings(h.context(ctx), r)
		return err
	})
	if err != nil {
		return err
	}
	h.presence = answer.GetPresenceToken()
	for i, result := range answer.GetResults() {
		h.take(r.Pings[i].GetId(), at[i], result)
	}
	return nil
}

// take notes what was told of a ping, and what a twin that looks at every store would say.
func (h *phone) take(ping string, store int, result *v1.PingResult) {
	for _, tr := range result.GetTransitions() {
		h.told = append(h.told, told{h.id, ping, kindName(tr.GetKind()), tr.GetStoreExternalId()})
	}
	h.log = append(h.log, fmt.Sprintf("%s at %d by node %d: %s %s duplicate=%t, %d transitions", ping, store, h.node, result.GetOutcome(),
		result.GetRefusal(), result.GetDuplicate(), len(result.GetTransitions())))
	if result.GetOutcome() != v1.PingResult_TAKEN {
		return
	}
	if h.inside >= 0 && h.inside != store {
		h.expected = append(h.expected, told{h.id, ping, "exited", storeName(h.inside)})
	}
	if store >= 0 && h.inside != store {
		h.expected = append(h.expected, told{h.id, ping, "entered", storeName(store)})
	}
	h.inside = store
}

func storeName(i int) string { return fmt.Sprintf("s%d", i) }

func kindName(k v1.Transition_Kind) string {
	switch k {
	case v1.Transition_ENTERED:
		return "entered"
	case v1.Transition_EXITED:
		return "exited"
	}
	return k.String()
}

// walk lets every phone report here and there until enough is told or stop is closed, whichever is later.
func (f *fleet) walk(reports int, stop <-chan struct{}) {
	var all sync.WaitGroup
	for _, h := range f.phones {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					if i >= reports {
						return
					}
				default:
				}
				at := make([]int, 1+h.random.IntN(3))
				for j := range at {
					at[j] = h.random.IntN(stores+stores/2) - stores/2
				}
				for j := range at {
					at[j] = max(at[j], -1)
				}
				if h.report(at...) != nil || i%4 == 3 && h.show() != nil {
					return
				}
				time.Sleep(time.Duration(h.random.Int64N(int64(f.pause)))) // a phone may call 5 times a second
			}
		})
	}
	all.Wait()
}
