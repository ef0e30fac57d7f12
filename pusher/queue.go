package pusher

import "sync"

// queue holds what waits for a worker, a lane per project. Lanes take turns, and each has a bound of its own on what is in
// flight and waiting, so that one brand's bulk or one stalled provider does not keep another brand's moment waiting.
type queue struct {
	mu      sync.Mutex
	ready   sync.Cond
	bound   int // waiting, all lanes together
	perLane int // in flight, one lane
	inLane  int // waiting, one lane
	lanes   map[project]*lane
	turn    []*lane // lanes with something waiting and room in flight; the first is next
	waiting int
	flying  int
	closed  bool
}

type lane struct {
	project project
	tasks   []*task
	flying  int
	queued  bool // stands in turn
}

func newQueue(bound, perLane int) *queue {
	q := &queue{bound: bound, perLane: perLane, inLane: max(bound*3/4, 1), lanes: make(map[project]*lane)}
	q.ready.L = &q.mu
	return q
}

// push takes t unless the queue or its lane is full, or the queue closed.
func (q *queue) push(t *task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.waiting >= q.bound {
		return false
	}
	l := q.lanes[t.project()]
	if l == nil {
		l = &lane{project: t.project()}
		q.lanes[l.project] = l
	}
	if len(l.tasks) >= q.inLane {
		return false
	}
	l.tasks = append(l.tasks, t)
	q.waiting++
	q.line(l)
	return true
}

// line lets l stand in turn if it may.
func (q *queue) line(l *lane) {
	if !l.queued && len(l.tasks) > 0 && l.flying < q.perLane {
		l.queued = true
		q.turn = append(q.turn, l)
		q.ready.Signal()
	}
}

// pop waits for a task and counts it as in flight until landed; nil means closed.
func (q *queue) pop() *task {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.turn) == 0 && !q.closed {
		q.ready.Wait()
	}
	if q.closed {
		return nil
	}
	l := q.turn[0]
	q.turn = q.turn[1:]
	t := l.tasks[0]
	l.tasks[0] = nil
	l.tasks = l.tasks[1:]
	l.queued = false
	l.flying++
	q.flying++
	q.waiting--
	q.line(l)
	return t
}

// landed says that t is no longer in flight.
func (q *queue) landed(t *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[t.project()]
	l.flying--
	q.flying--
	if l.flying == 0 && len(l.tasks) == 0 {
		delete(q.lanes, l.project)
		return
	}
	q.line(l)
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
	for _, l := range q.lanes {
		rest = append(rest, l.tasks...)
		l.tasks = nil
	}
	q.turn, q.waiting = nil, 0
	q.ready.Broadcast()
	return rest
}
