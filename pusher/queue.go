package pusher

import (
	"sync"
	"time"
)

// queue holds what waits for a worker, a lane per project. Lower ranks go first; within a rank lanes take turns, and
// each has a bound of its own on what is in flight and waiting, so that one brand's bulk or one stalled provider does not
// keep another brand's moment waiting. A small share of turns begins at the other end, so that nothing starves.
type queue struct {
	mu      sync.Mutex
	ready   sync.Cond
	bound   int        // waiting, all lanes together
	perLane int        // in flight, one lane
	inLane  int        // waiting, one lane
	most    [ranks]int // in flight together at which a rank begins no more: moments find room
	pacer   *pacer
	now     func() time.Duration
	lanes   map[project]*lane
	turn    [ranks][]*lane // lanes with something of that rank waiting; the first is next
	waiting int
	flying  int
	turns   uint
	alarm   *time.Timer   // rings when a pace allows the next
	rings   time.Duration // when; 0: it is not set
	closed  bool
}

type lane struct {
	project  project
	tasks    [ranks][]*task
	standing [ranks]bool // stands in turn
	waiting  int
	flying   int
}

// backwards: of so many turns one begins with the highest rank.
const backwards = 16

func newQueue(inFlight, bound, perLane int, p *pacer, now func() time.Duration) *queue {
	q := &queue{bound: bound, perLane: perLane, inLane: max(bound*3/4, 1), pacer: p, now: now, lanes: make(map[project]*lane)}
	q.most = [ranks]int{inFlight, max(inFlight*7/8, 1), max(inFlight*3/4, 1)}
	q.ready.L = &q.mu
	return q
}

func rankOf(t *task) Rank { return min(t.d.Notification.Rank, Rank(ranks-1)) }

// push takes t. Where the queue or its lane is full, what waits there with the highest rank above t's makes room and
// is handed back; without one, or when the queue is closed, ok is false.
func (q *queue) push(t *task) (out *task, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, false
	}
	l := q.lanes[t.project()]
	if l == nil {
		l = &lane{project: t.project()}
	}
	switch {
	case l.waiting >= q.inLane:
		out = q.evict(l, rankOf(t))
	case q.waiting >= q.bound:
		out = q.evict(q.longest(), rankOf(t))
	default:
		ok = true
	}
	if !ok && out == nil {
		return nil, false
	}
	q.lanes[l.project] = l
	r := rankOf(t)
	l.tasks[r] = append(l.tasks[r], t)
	l.waiting++
	q.waiting++
	q.line(l)
	return out, true
}

// longest is the lane with most bulk and reminders waiting.
func (q *queue) longest() (longest *lane) {
	most := 0
	for _, l := range q.lanes {
		if n := l.waiting - len(l.tasks[RankMoment]); n > most {
			longest, most = l, n
		}
	}
	return longest
}

// evict takes the last of the highest rank above r from l.
func (q *queue) evict(l *lane, r Rank) *task {
	if l == nil {
		return nil
	}
	for high := Rank(ranks - 1); high > r; high-- {
		if n := len(l.tasks[high]); n > 0 {
			out := l.tasks[high][n-1]
			l.tasks[high][n-1] = nil
			l.tasks[high] = l.tasks[high][:n-1]
			l.waiting--
			q.waiting--
			if l.waiting == 0 && l.flying == 0 {
				delete(q.lanes, l.project)
			}
			return out
		}
	}
	return nil
}

// line lets l stand in turn where it may, and wakes a worker for it.
func (q *queue) line(l *lane) (lined bool) {
	if l.flying >= q.perLane {
		return false
	}
	for r := range l.tasks {
		if len(l.tasks[r]) > 0 && !l.standing[r] {
			l.standing[r] = true
			q.turn[r] = append(q.turn[r], l)
			q.ready.Signal()
			lined = true
		}
	}
	return lined
}

// pop waits for a task and counts it as in flight until landed; nil means closed.
func (q *queue) pop() *task {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed {
		if t := q.next(); t != nil {
			return t
		}
		q.ready.Wait()
	}
	return nil
}

// next takes the next task that may go, if there is one, and sees to it that somebody looks again when the pace allows.
func (q *queue) next() *task {
	now := q.now()
	var soonest time.Duration
	q.turns++
	for i := range ranks {
		r := i
		if q.turns%backwards == 0 {
			r = ranks - 1 - i
		}
		if q.flying >= q.most[r] {
			continue
		}
		t, wait := q.nextOf(r, now)
		if t != nil {
			return t
		}
		if wait > 0 && (soonest == 0 || wait < soonest) {
			soonest = wait
		}
	}
	if soonest > 0 {
		q.wakeIn(soonest, now)
	}
	return nil
}

// nextOf goes round the lanes of a rank once.
func (q *queue) nextOf(r int, now time.Duration) (found *task, soonest time.Duration) {
	for range len(q.turn[r]) {
		l := q.turn[r][0]
		q.turn[r] = q.turn[r][1:]
		l.standing[r] = false
		if len(l.tasks[r]) == 0 || l.flying >= q.perLane {
			continue // evicted, or landed will line it up again
		}
		if wait := q.pacer.take(l.project, Rank(r), now); wait > 0 {
			l.standing[r] = true
			q.turn[r] = append(q.turn[r], l)
			if soonest == 0 || wait < soonest {
				soonest = wait
			}
			continue
		}
		return q.start(l, r), 0
	}
	return nil, soonest
}

func (q *queue) start(l *lane, r int) *task {
	t := l.tasks[r][0]
	l.tasks[r][0] = nil
	l.tasks[r] = l.tasks[r][1:]
	l.waiting--
	l.flying++
	q.flying++
	q.waiting--
	if !q.line(l) && q.waiting > 0 {
		q.ready.Signal() // whoever was told of the others before may have found nothing then
	}
	return t
}

// wakeIn has one worker look again after wait, unless one will sooner.
func (q *queue) wakeIn(wait, now time.Duration) {
	at := now + wait
	if q.rings > 0 && q.rings <= at {
		return
	}
	q.rings = at
	if q.alarm == nil {
		q.alarm = time.AfterFunc(wait, q.ring)
	} else {
		q.alarm.Reset(wait)
	}
}

func (q *queue) ring() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rings = 0
	q.ready.Signal()
}

// landed says that t is no longer in flight.
func (q *queue) landed(t *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[t.project()]
	l.flying--
	q.flying--
	if l.flying == 0 && l.waiting == 0 {
		delete(q.lanes, l.project)
		return
	}
	if !q.line(l) && q.waiting > 0 {
		q.ready.Signal()
	}
}

// counts tells how many wait and how many are in flight.
func (q *queue) counts() (waiting, flying int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting, q.flying
}

// close wakes every worker and hands back what still waits.
func (q *queue) close() (rest []*task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.alarm != nil {
		q.alarm.Stop()
	}
	for _, l := range q.lanes {
		for r := range l.tasks {
			rest = append(rest, l.tasks[r]...)
			l.tasks[r], l.standing[r] = nil, false
		}
		l.waiting = 0
	}
	q.turn, q.waiting = [ranks][]*lane{}, 0
	q.ready.Broadcast()
	return rest
}
