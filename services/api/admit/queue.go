package admit

import "time"

// Waiter is one call that waits. It may be used again once it was granted or has left.
type Waiter struct {
	class      Class
	weight     int
	began      time.Duration
	queued     bool
	prev, next *Waiter
	permit     Permit
	granted    chan struct{}
}

// NewWaiter makes one.
func NewWaiter() *Waiter { return &Waiter{granted: make(chan struct{}, 1)} }

// Granted has a value once the waiter has its permit.
func (w *Waiter) Granted() <-chan struct{} { return w.granted }

// Permit is what a granted waiter was given.
func (w *Waiter) Permit() Permit { return w.permit }

// queue is the waiting calls of one class, in the order in which they came.
type queue struct {
	first, last *Waiter
	calls       int
	pings       int
}

func (q *queue) push(w *Waiter) {
	w.prev, w.next, w.queued = q.last, nil, true
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.calls++
	q.pings += w.weight
}

func (q *queue) remove(w *Waiter) {
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	q.calls--
	q.pings -= w.weight
}

// maxWaiting bounds the calls of a class that wait, whatever they weigh.
const maxWaiting = 4096

// Queue lets a call wait that Try did not admit. It returns how long the call may wait; then it must Leave. Where the
// queue is full it returns false and the call is refused. Room that has come up meanwhile is granted at once.
func (l *Limiter) Queue(now time.Duration, c Class, weight int, w *Waiter) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.waited[c] = true
	w.class, w.weight, w.began = c, max(weight, 1), now
	q := &l.queues[c]
	if q.calls >= maxWaiting || q.calls > 0 && q.pings+w.weight > max(int(l.limits[Phone]), w.weight) {
		l.counts[c].Full++
		return 0, false
	}
	if l.waiting == 0 {
		l.stands = now
	}
	l.waiting++
	q.push(w)
	l.grant(now)
	if l.waiting > 0 && now-l.stands > 2*l.settings.Wait {
		return l.settings.Wait / 4, true
	}
	return l.settings.Wait, true
}

// Leave ends the waiting of a call: refused for having waited too long, or gone by itself. It returns false where the
// call was granted before, which then holds.
func (l *Limiter) Leave(now time.Duration, w *Waiter, gone bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.queued {
		return false
	}
	l.unqueue(now, w)
	if gone {
		l.counts[w.class].Gone++
	} else {
		l.counts[w.class].Waited++
	}
	l.turn(now)
	l.grant(now) // one that weighs less may stand behind
	return true
}

func (l *Limiter) unqueue(now time.Duration, w *Waiter) {
	l.queues[w.class].remove(w)
	l.waiting--
	l.counts[w.class].waited(now - w.began)
}

// grant gives out the room there is.
func (l *Limiter) grant(now time.Duration) {
	for l.waiting > 0 {
		w := l.next()
		if w == nil {
			return
		}
		l.unqueue(now, w)
		w.permit = l.admit(now, w.class, w.weight, l.charge(w.class, w.weight))
		w.granted <- struct{}{}
	}
}

// due is the first call of a class that has earned its turn.
func (l *Limiter) due() *Waiter {
	for c := range l.queues {
		if w := l.queues[c].first; w != nil && l.earned[c] >= float64(l.charge(w.class, w.weight)) {
			return w
		}
	}
	return nil
}

// next is the waiting call whose turn it is, if there is room for it: of a class that has earned it, else of the first
// class. Nobody overtakes: what has no room for a call of one class has none for those after it.
func (l *Limiter) next() *Waiter {
	if w := l.due(); w != nil {
		charge := l.charge(w.class, w.weight)
		if !l.roomy(Phone, charge) {
			return nil
		}
		l.earned[w.class] -= float64(charge)
		return w
	}
	for c := range l.queues {
		if w := l.queues[c].first; w != nil {
			if l.fits(w.class, l.charge(w.class, w.weight)) {
				return w
			}
			return nil
		}
	}
	return nil
}
