package presence

import (
	"cmp"
	"math"
	"slices"

	"github.com/wantgo/wantgo/geo"
)

const (
	// anchorAge is the age at which the fix that speed is measured from is renewed.
	anchorAge Millis = 20_000
	// walkable, m/s: a step between two pings that a person may take.
	walkable = 3
	// stumble, metres, is what it takes to be a leap at all.
	stumble = 30
	// metresPerDegree of latitude on the sphere of geo.Distance.
	metresPerDegree = 6371008.8 * math.Pi / 180
	// quickSamples, slowSamples and longSamples are how many steps the scatter of a
	// track remembers.
	quickSamples, slowSamples, longSamples = 8, 40, 600
	// scatterDoubt is how far, either way, an estimate from few steps may be off; of
	// one from n steps it is scatterSpread/sqrt(n).
	scatterDoubt, scatterSpread = 0.1, 0.75
	// alikeLow and alikeHigh bound what the slow variance is of the long one as long as
	// errors stay the same: four standard errors. Beyond alikeQuick the quick one may
	// show that they have just grown.
	alikeLow, alikeHigh, alikeQuick = 0.5, 1.7, 1.4
)

// scatter holds three running variances, of quick, slow and long memory, of how far
// fixes lie from where the two before them led. They stand in for accuracies that the
// phone does not tell: the long one once it is better known than the others and they
// agree with it, else the larger of the others.
type scatter struct {
	Quick, Slow, Long float64
	// Samples counts up to slowSamples, Many up to longSamples.
	Samples uint8
	Many    uint16
	// Skip is how many of the next steps are from or over a fix that told its
	// accuracy, and no measure of those that do not.
	Skip uint8
}

// SortPings puts a batch in the order of time; equal times keep their order.
func SortPings(ps []Ping) {
	slices.SortStableFunc(ps, func(a, b Ping) int { return cmp.Compare(a.At, b.At) })
}

// refuse says why a ping may not be looked at.
func (s *State) refuse(p *Ping, key uint64, candidates []Candidate, dev *DeviceRules) Refusal {
	switch {
	case p.Mock && dev.RefuseMock:
		return Mock
	case p.At < s.last.At:
		return OutOfOrder
	case dev.MaxAccuracy > 0 && p.Accuracy > dev.MaxAccuracy && !saysAnything(p, candidates):
		return AccuracyTooPoor
	case s.teleports(p, key, dev):
		return Teleport
	}
	return None
}

func saysAnything(p *Ping, candidates []Candidate) bool {
	for i := range candidates {
		if math.Abs(candidates[i].Gap) > p.Accuracy {
			return true
		}
	}
	return false
}

// teleports compares with the last applied ping. A refused place is kept, and a
// second ping that agrees with it is believed.
func (s *State) teleports(p *Ping, key uint64, dev *DeviceRules) bool {
	if dev.MaxJumpSpeed <= 0 || s.last.At == 0 {
		return false
	}
	here := fix{At: p.At, Place: p.Place, Sigma: dev.claimed(p)}
	if !jumps(&s.last, &here, dev.MaxJumpSpeed) {
		return false
	}
	agrees := s.suspect.At != 0 && (key == 0 || key != s.suspectPing) && p.At > s.suspect.At && !jumps(&s.suspect, &here, dev.MaxJumpSpeed)
	if agrees {
		s.last, s.before, s.anchor = fix{}, fix{}, fix{}
		return false
	}
	s.suspect, s.suspectPing = here, key
	return true
}

func jumps(a, b *fix, limit float64) bool {
	reach := limit*max(float64(b.At-a.At)/1000, 1) + 2*(a.Sigma+b.Sigma)
	return farther(a.Place, b.Place, reach)
}

// farther says whether a and b are more than reach metres apart. The way along
// the parallel and the meridian is never shorter than the great circle, which
// spares most calls the trigonometry.
func farther(a, b geo.Point, reach float64) bool {
	if (math.Abs(a.Lat-b.Lat)+math.Abs(a.Lng-b.Lng))*metresPerDegree <= reach {
		return false
	}
	return geo.Distance(a, b) > reach
}

func (d *DeviceRules) claimed(p *Ping) float64 {
	if p.Accuracy > 0 {
		return min(max(p.Accuracy, claimFloor), claimCeiling)
	}
	if d.DefaultAccuracy > 0 {
		return d.DefaultAccuracy
	}
	return 25
}

// observe fills in the error, the speed and the way gone of an accepted ping; where
// no fence is looked at, only what later pings need.
func (s *State) observe(seen *sighting, looked bool) {
	p := seen.ping
	seen.sigma = seen.dev.claimed(p)
	seen.moved = math.NaN()
	if s.last.At != 0 && !(p.Accuracy > 0) {
		seen.sigma, seen.doubt = s.scattered(p, seen.sigma)
	} else if p.Accuracy > 0 {
		s.scatter.Skip = 2
	}
	seen.entering, seen.error = seen.sigma, seen.sigma*(1+seen.doubt)
	if p.Speed >= 0 {
		seen.speed = p.Speed
	}
	if s.last.At == 0 || !looked && p.At-s.anchor.At <= anchorAge {
		return
	}
	seen.moved = geo.Distance(s.last.Place, p.Place)
	s.doubtLeap(seen)
	if !(p.Speed >= 0) {
		seen.stride = s.speedFrom(&s.anchor, seen)
		seen.speed = max(s.speedFrom(&s.last, seen), seen.stride, s.stride)
	}
}

// doubtLeap widens the error of a fix that is further from the one before than a walk
// leads. If it claims to be the better of the two all the same, it is trusted no more
// than the other, and is next to nothing as a sign of an entry.
func (s *State) doubtLeap(seen *sighting) {
	elapsed := float64(seen.ping.At-s.last.At) / 1000
	leap := seen.moved - stumble - walkable*elapsed
	if !(leap > 0) || elapsed >= 60 {
		return
	}
	beyond := leap - math.Hypot(s.last.Sigma, seen.sigma)
	seen.proud = seen.sigma < 0.75*s.last.Sigma
	seen.entering = max(seen.sigma, s.last.Sigma)
	seen.sigma = max(seen.entering, beyond/3)
}

// speedFrom is a lower bound of the mean speed since f.
func (s *State) speedFrom(f *fix, seen *sighting) float64 {
	elapsed := float64(seen.ping.At-f.At) / 1000
	if f.At == 0 || elapsed <= 0 || elapsed > 60 {
		return 0
	}
	way := seen.moved
	if f != &s.last {
		way = geo.Distance(f.Place, seen.ping.Place)
	}
	return max(0, (way-1.5*math.Hypot(f.Sigma, seen.sigma))/elapsed)
}

// scattered updates the scatter by p and returns it as a standard error, and by which
// part that may be off.
func (s *State) scattered(p *Ping, prior float64) (sigma, doubt float64) {
	a, b := &s.before, &s.last
	d1, d2 := float64(b.At-a.At)/1000, float64(p.At-b.At)/1000
	switch {
	case s.scatter.Skip > 0:
		s.scatter.Skip--
	case a.At != 0 && d1 > 0 && d2 > 0 && d1 <= 60 && d2 <= 60 && d2 <= 3*d1:
		ratio := d2 / d1
		k := math.Cos(p.Place.Lat * math.Pi / 180)
		dy := (p.Place.Lat - b.Place.Lat) - ratio*(b.Place.Lat-a.Place.Lat)
		dx := (turn(p.Place.Lng-b.Place.Lng) - ratio*turn(b.Place.Lng-a.Place.Lng)) * k
		sample := (dx*dx + dy*dy) * metresPerDegree * metresPerDegree / 2 / (1 + (1+ratio)*(1+ratio) + ratio*ratio)
		s.scatter.add(sample, prior)
	}
	return s.scatter.estimate(prior)
}

func (sc *scatter) add(sample, prior float64) {
	if sc.Samples == 0 {
		sc.Quick, sc.Slow = prior*prior, prior*prior
	}
	sc.Samples = min(sc.Samples+1, slowSamples)
	sample = min(sample, 9*max(sc.Slow, claimFloor*claimFloor))
	sc.Quick += (sample - sc.Quick) / float64(min(sc.Samples, quickSamples)+1)
	sc.Slow += (sample - sc.Slow) / float64(sc.Samples+1)
	sc.Many = min(sc.Many+1, longSamples)
	sc.Long += (sample - sc.Long) / float64(sc.Many)
	if sc.Samples == slowSamples && !(sc.Slow >= alikeLow*sc.Long && sc.Slow <= alikeHigh*sc.Long) {
		sc.Long, sc.Many = sc.Slow, slowSamples
	}
}

func (sc *scatter) estimate(prior float64) (sigma, doubt float64) {
	if sc.Samples == 0 {
		return prior, scatterDoubt
	}
	variance, doubt := max(sc.Quick, sc.Slow), scatterDoubt
	if sure := scatterSpread / math.Sqrt(float64(sc.Many)); sure < doubt && sc.Quick <= alikeQuick*sc.Long {
		variance, doubt = sc.Long, sure
	}
	return max(math.Sqrt(variance), scatterFloor), doubt
}

// turn brings a difference of longitudes to the short way round.
func turn(d float64) float64 {
	switch {
	case d > 180:
		return d - 360
	case d < -180:
		return d + 360
	}
	return d
}
