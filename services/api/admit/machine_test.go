package admit_test

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/api/admit"
)

// machine is a simulated server of some processors that all calls in the works share evenly, behind a Limiter, in
// simulated time. A call costs what it costs to answer and what each of its pings costs; then its commit takes a while
// that costs nothing. Refusing costs too, and less where the call was not read.
type machine struct {
	random  *rand.Rand
	limiter *admit.Limiter
	cores   float64
	commit  time.Duration
	now     time.Duration
	served  float64 // processor time that each call in the works has had, if it was there from the start
	debt    float64 // processor seconds owed to refusals
	works   works

	ends    ends
	waiting [3][]*job // by class, in the order in which they came; some may have left
	leaving leaving
	sources []*source
	seen    []outcome
	from    time.Duration // what is seen before does not count
}

// What things cost, in processor seconds: a machine three times slower than one would buy, to make fewer calls.
const (
	costCall   = 90e-6
	costPing   = 18e-6
	costUnread = 6e-6
	costRead   = 36e-6
	costDecode = 1e-6
)

func cost(pings int) float64 { return costCall + costPing*float64(pings) }

// source offers calls of one kind, at random times.
type source struct {
	class     admit.Class
	pings     int
	perSecond float64
	next      time.Duration
}

type job struct {
	*source
	came, leaves time.Duration
	waiter       *admit.Waiter
	permit       admit.Permit
	finish       float64
	begun, left  bool // after waiting
}

// outcome is what became of one call, and when.
type outcome struct {
	class    admit.Class
	pings    int
	admitted bool
	took     time.Duration
}

type works []*job

func (w works) Len() int           { return len(w) }
func (w works) Less(i, j int) bool { return w[i].finish < w[j].finish }
func (w works) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *works) Push(x any)        { *w = append(*w, x.(*job)) }
func (w *works) Pop() any          { j := (*w)[len(*w)-1]; *w = (*w)[:len(*w)-1]; return j }

// leaving are the calls that wait, by when they give up.
type leaving []*job

func (l leaving) Len() int           { return len(l) }
func (l leaving) Less(i, j int) bool { return l[i].leaves < l[j].leaves }
func (l leaving) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *leaving) Push(x any)        { *l = append(*l, x.(*job)) }
func (l *leaving) Pop() any          { j := (*l)[len(*l)-1]; *l = (*l)[:len(*l)-1]; return j }

type ending struct {
	at time.Duration
	j  *job
}

// ends are calls that only wait for their commit; commits take equally long, so they end in order.
type ends []ending

func newMachine(seed uint64, commit time.Duration) *machine {
	random := rand.New(rand.NewPCG(seed, 7))
	settings := admit.Settings{Random: random.Float64}
	return &machine{random: random, limiter: admit.NewLimiter(settings), cores: 2, commit: commit}
}

// offer adds a source whose calls would, served alone, take load of all processors.
func (m *machine) offer(class admit.Class, pings int, load float64) {
	s := &source{class: class, pings: pings, perSecond: load * m.cores / cost(pings)}
	s.next = m.now + m.gap(s)
	m.sources = append(m.sources, s)
}

func (m *machine) gap(s *source) time.Duration {
	return time.Duration(m.random.ExpFloat64() / s.perSecond * float64(time.Second))
}

// run lets time pass.
func (m *machine) run(span time.Duration) {
	for end := m.now + span; ; {
		at, act := m.nextAct()
		if at > end {
			m.pass(end)
			return
		}
		m.pass(at)
		act()
	}
}

const never = time.Duration(math.MaxInt64)

// nextAct is what happens next, and when.
func (m *machine) nextAct() (at time.Duration, act func()) {
	at = never
	for _, s := range m.sources {
		if s.next < at {
			at, act = s.next, func() { m.arrive(s) }
		}
	}
	if len(m.works) > 0 {
		need := m.debt + (m.works[0].finish-m.served)*float64(len(m.works))
		if t := m.now + time.Duration(math.Ceil(need/m.cores*1e9)); t < at {
			at, act = t, m.finish
		}
	}
	if len(m.ends) > 0 && m.ends[0].at < at {
		at, act = m.ends[0].at, m.commitFirst
	}
	for len(m.leaving) > 0 && m.leaving[0].begun {
		heap.Pop(&m.leaving)
	}
	if len(m.leaving) > 0 && m.leaving[0].leaves < at {
		at, act = m.leaving[0].leaves, m.leave
	}
	return at, act
}

func (m *machine) pass(to time.Duration) {
	work := (to - m.now).Seconds() * m.cores
	m.now = to
	paid := math.Min(work, m.debt)
	m.debt -= paid
	if len(m.works) > 0 {
		m.served += (work - paid) / float64(len(m.works))
	}
}

func (m *machine) arrive(s *source) {
	s.next = m.now + m.gap(s)
	j := &job{source: s, came: m.now}
	if !m.limiter.Open(func() time.Duration { return m.now }, s.class) {
		m.debt += costUnread
		m.note(j, false)
		return
	}
	if p, ok := m.limiter.Try(m.now, s.class, s.pings); ok {
		m.begin(j, p)
		return
	}
	j.waiter = admit.NewWaiter()
	patience, ok := m.limiter.Queue(m.now, s.class, s.pings, j.waiter)
	if !ok {
		m.refuse(j)
		return
	}
	j.leaves = m.now + patience
	m.waiting[s.class] = append(m.waiting[s.class], j)
	heap.Push(&m.leaving, j)
	m.beginGranted()
}

func (m *machine) begin(j *job, p admit.Permit) {
	j.permit, j.finish = p, m.served+cost(j.pings)
	heap.Push(&m.works, j)
}

// beginGranted begins the calls that the limiter has let in: of each class those that came first.
func (m *machine) beginGranted() {
	for c := range m.waiting {
		for len(m.waiting[c]) > 0 {
			j := m.waiting[c][0]
			if !j.left {
				select {
				case <-j.waiter.Granted():
					j.begun = true
					m.begin(j, j.waiter.Permit())
				default:
				}
			}
			if !j.left && !j.begun {
				break
			}
			m.waiting[c] = m.waiting[c][1:]
		}
	}
}

func (m *machine) refuse(j *job) {
	m.debt += costRead + costDecode*float64(j.pings)
	m.note(j, false)
}

func (m *machine) leave() {
	j := heap.Pop(&m.leaving).(*job)
	if !m.limiter.Leave(m.now, j.waiter, false) {
		panic("granted, and not begun")
	}
	j.left = true
	m.refuse(j)
	m.beginGranted()
}

func (m *machine) finish() {
	j := heap.Pop(&m.works).(*job)
	m.ends = append(m.ends, ending{m.now + m.commit, j})
}

func (m *machine) commitFirst() {
	j := m.ends[0].j
	m.ends = m.ends[1:]
	m.limiter.Release(m.now, j.permit, true)
	m.note(j, true)
	m.beginGranted()
}

func (m *machine) note(j *job, admitted bool) {
	if m.now >= m.from {
		m.seen = append(m.seen, outcome{j.class, j.pings, admitted, m.now - j.came})
	}
}

// tally sums up what was seen of some classes.
type tally struct {
	work             float64 // processors kept busy by calls that were served
	doors            float64 // processors it takes to refuse the others as cheaply as can be
	offered, served  int
	p99, lastRefusal time.Duration
}

func (m *machine) tally(span time.Duration, classes ...admit.Class) tally {
	var t tally
	var took []time.Duration
	for _, o := range m.seen {
		if len(classes) > 0 && !slices.Contains(classes, o.class) {
			continue
		}
		t.offered++
		if !o.admitted {
			t.lastRefusal = max(t.lastRefusal, o.took)
			t.doors += costUnread / span.Seconds()
			continue
		}
		t.served++
		t.work += cost(o.pings) / span.Seconds()
		took = append(took, o.took)
	}
	slices.Sort(took)
	if len(took) > 0 {
		t.p99 = took[len(took)*99/100]
	}
	return t
}
