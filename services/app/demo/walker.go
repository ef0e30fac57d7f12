package demo

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wantgo/wantgo/geo"
)

// How people walk here.
const (
	slowest = 0.8 // m/s
	fastest = 1.6 // m/s
	// wander is how many of the nearest other stores a walker chooses the next one from.
	wander = 4
	// farthest, metres: a store further away is nobody's next; the walker turns back to the one just left.
	farthest = 900
	// persistence is how much of a receiver's error is still there a second later: errors come from satellites and
	// walls, and neither changes at once.
	persistence = 0.85
	// axis turns an accuracy (the radius that holds 68%) into the standard deviation along one axis:
	// P(r <= R) = 1 - exp(-R²/2s²) = 0.68.
	axis = 0.6624
)

// leg is one piece of a way: straight to a place at one pace, then a stay there.
type leg struct {
	to   geo.Point
	pace float64 // m/s
	stay time.Duration
}

// fix is what a walker's phone would report.
type fix struct {
	at       geo.Point
	accuracy float64 // metres, 68%
	speed    float64 // m/s over ground
}

// walker is one invented person on foot. It has no clock: the same seed and the same steps are the same walk.
type walker struct {
	random  *rand.Rand
	places  []geo.Point
	here    int // the store it is at or heading for
	at      geo.Point
	legs    []leg
	staying time.Duration // what is left of the stay at the end of the leg just walked
	speed   float64       // of the last step
	// The receiver.
	accuracy   float64
	east, away float64 // error, metres to the east and to the north
}

// newWalker puts a walker near the home-th place. A third come towards its near fence, a good third stand close to its
// door and go in, the rest are inside and about to leave.
func newWalker(random *rand.Rand, places []geo.Point, home int) *walker {
	w := &walker{random: random, places: places, here: home}
	w.accuracy = 4 + 5*random.Float64()
	store, bearing := places[home], 360*random.Float64()
	switch start := random.Float64(); {
	case start < 0.30:
		w.at = geo.Destination(store, bearing, nearRadius+w.between(1, 12))
		w.goIn(store, bearing)
	case start < 0.72:
		w.at = geo.Destination(store, bearing, visitRadius+w.between(2, 12))
		w.goIn(store, bearing)
	default:
		w.at = geo.Destination(store, bearing, w.between(12, 18))
		w.staying = w.seconds(4, 7)
		w.goOut(store, bearing, fastest-0.1)
	}
	w.moveError(1)
	return w
}

func (w *walker) between(low, high float64) float64 { return low + (high-low)*w.random.Float64() }

func (w *walker) seconds(low, high float64) time.Duration {
	return time.Duration(w.between(low, high) * float64(time.Second))
}

func (w *walker) pace() float64 { return w.between(slowest+0.2, fastest-0.1) }

// goIn plans a visit: through the door to a table, to stay a while, and out again on some side.
func (w *walker) goIn(store geo.Point, bearing float64) {
	table := geo.Destination(store, bearing, w.between(1, 8))
	w.legs = append(w.legs, leg{table, w.pace(), w.seconds(15, 60)})
	w.goOut(store, 360*w.random.Float64(), w.pace())
}

// goOut plans leaving, far enough to be surely out.
func (w *walker) goOut(store geo.Point, bearing, pace float64) {
	w.legs = append(w.legs, leg{geo.Destination(store, bearing, w.between(60, 90)), pace, 0})
}

// plan chooses where to go next: mostly a visit, sometimes only past the door.
func (w *walker) plan() {
	w.here = w.next()
	store := w.places[w.here]
	if w.random.Float64() < 0.75 {
		w.goIn(store, geo.Bearing(store, w.at))
		return
	}
	past := geo.Destination(store, 360*w.random.Float64(), w.between(35, 80))
	w.legs = append(w.legs, leg{past, w.pace(), w.seconds(0, 10)})
}

// next is one of the stores around, if any is near enough to walk to.
func (w *walker) next() int {
	type candidate struct {
		index int
		far   float64
	}
	var near []candidate
	for i, p := range w.places {
		if far := geo.Distance(w.at, p); i != w.here && far <= farthest {
			near = append(near, candidate{i, far})
		}
	}
	if len(near) == 0 {
		return w.here
	}
	slices.SortFunc(near, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.index, b.index)) })
	return near[w.random.IntN(min(wander, len(near)))].index
}

// step lets time pass.
func (w *walker) step(d time.Duration) {
	from := w.at
	for left := d; left > 0; {
		if w.staying > 0 {
			stayed := min(w.staying, left)
			w.staying -= stayed
			left -= stayed
			continue
		}
		if len(w.legs) == 0 {
			w.plan()
		}
		left = w.walk(left)
	}
	w.speed = geo.Distance(from, w.at) / d.Seconds()
	w.moveError(d.Seconds())
}

// walk goes along the first leg and returns the time that is left at its end.
func (w *walker) walk(left time.Duration) time.Duration {
	l := w.legs[0]
	far := geo.Distance(w.at, l.to)
	if reach := l.pace * left.Seconds(); reach < far {
		w.at = geo.Destination(w.at, geo.Bearing(w.at, l.to), reach)
		return 0
	}
	w.at, w.staying, w.legs = l.to, l.stay, w.legs[1:]
	return left - time.Duration(far/l.pace*float64(time.Second))
}

// moveError lets the receiver's error and its own idea of it drift (an AR(1) process with the claimed deviation).
func (w *walker) moveError(seconds float64) {
	w.accuracy = min(max(w.accuracy+0.5*w.random.NormFloat64(), 4), 12)
	keep := math.Pow(persistence, seconds)
	fresh := math.Sqrt(1-keep*keep) * axis * w.accuracy
	w.east = keep*w.east + fresh*w.random.NormFloat64()
	w.away = keep*w.away + fresh*w.random.NormFloat64()
}

// fix is the walker's place as its phone sees it.
func (w *walker) fix() fix {
	p := geo.Destination(w.at, 90, w.east)
	return fix{at: geo.Destination(p, 0, w.away), accuracy: math.Round(w.accuracy*10) / 10, speed: math.Round(w.speed*100) / 100}
}
