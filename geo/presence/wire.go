package presence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/wantgo/wantgo/geo"
)

// carriedVersion is the first byte of MarshalCarried. Another version is refused, which
// costs the phone a few pings of evidence.
const carriedVersion = 3

// MaxCarriedBytes bounds what MarshalCarried gives and UnmarshalCarried takes.
const MaxCarriedBytes = 2 + 4*fixBytes + 8 + scatterBytes + 8 + 1 + recentPings*8 + 1 + maxEvidence*evidenceBytes + 1 + maxRuns*runBytes

const (
	fixBytes      = 8 + 8 + 8 + 8
	scatterBytes  = 3*8 + 1 + 2 + 1
	evidenceBytes = 16 + 16 + 8 + 8 + 8 + 8
	runBytes      = 16 + 8 + 8 + 1 + 5*8 + 8 + 4*4
)

var errCarried = errors.New("carried state")

// MarshalCarried packs Carried, positions included: seal it before it leaves the
// process. A restored State goes on exactly as this one would.
func (s *State) MarshalCarried() []byte {
	c := &s.Carried
	b := make([]byte, 0, 160+len(c.evidence)*evidenceBytes+len(c.runs)*runBytes)
	b = append(b, carriedVersion, 0)
	for i, f := range c.fixes() {
		if f.At == 0 {
			continue
		}
		b[1] |= 1 << i
		b = appendWord(b, uint64(f.At))
		b = appendFloat(b, f.Place.Lat)
		b = appendFloat(b, f.Place.Lng)
		b = appendFloat(b, f.Sigma)
	}
	b = appendWord(b, c.suspectPing)
	b = c.scatter.append(b)
	b = appendFloat(b, c.stride)
	b = c.appendRecent(b)
	b = append(b, byte(len(c.evidence)))
	for i := range c.evidence {
		e := &c.evidence[i]
		b = append(b, e.Fence[:]...)
		b = append(b, e.By[:]...)
		b = appendWord(b, uint64(e.Since))
		b = appendWord(b, uint64(e.Latest))
		b = appendFloat(b, e.Sum)
		b = appendFloat(b, e.Deep)
	}
	return c.appendRuns(b)
}

func (sc *scatter) append(b []byte) []byte {
	b = append(b, sc.Samples, sc.Skip)
	b = binary.LittleEndian.AppendUint16(b, sc.Many)
	for _, v := range [...]float64{sc.Quick, sc.Slow, sc.Long} {
		b = appendFloat(b, v)
	}
	return b
}

func (c *Carried) appendRuns(b []byte) []byte {
	b = append(b, byte(len(c.runs)))
	for i := range c.runs {
		u := &c.runs[i]
		b = append(b, u.Fence[:]...)
		b = appendWord(b, uint64(u.At))
		b = appendWord(b, uint64(u.Near))
		b = append(b, u.flags())
		for _, v := range [...]float64{u.Weight, u.Time, u.Gap, u.Times, u.Slopes} {
			b = appendFloat(b, v)
		}
		b = appendWord(b, uint64(u.Since))
		for _, v := range [...]float32{u.Last, u.Error, u.Home, u.Span} {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

const runFalls, runRests = 1, 2

func (u *run) flags() (f byte) {
	if u.Falling {
		f |= runFalls
	}
	if u.Rests {
		f |= runRests
	}
	return f
}

// appendRecent writes the recent pings, oldest first.
func (c *Carried) appendRecent(b []byte) []byte {
	at := len(b)
	b = append(b, 0)
	for i := range recentPings {
		if k := c.recent[(int(c.recentNext)+i)%recentPings]; k != 0 {
			b[at]++
			b = appendWord(b, k)
		}
	}
	return b
}

func (c *Carried) fixes() [4]*fix { return [4]*fix{&c.last, &c.before, &c.anchor, &c.suspect} }

// UnmarshalCarried restores what MarshalCarried packed. Anything else is refused
// and leaves s as it was.
func (s *State) UnmarshalCarried(b []byte) error {
	if len(b) > MaxCarriedBytes {
		return fmt.Errorf("%w: %d bytes are more than %d", errCarried, len(b), MaxCarriedBytes)
	}
	r := reader{rest: b}
	version := r.byte()
	if r.err == nil && version != carriedVersion {
		return fmt.Errorf("%w: version %d, want %d", errCarried, version, carriedVersion)
	}
	var c Carried
	held := r.byte()
	for i, f := range c.fixes() {
		if held&(1<<i) != 0 {
			*f = r.fix()
		}
	}
	c.suspectPing = r.word()
	r.need(held < 16, "flags")
	c.scatter = r.scatter()
	c.stride = r.float()
	r.need(c.stride >= 0 && c.stride <= 1e12, "speed")
	n := r.byte()
	r.need(n <= recentPings, "recent pings")
	for i := 0; i < int(n) && r.err == nil; i++ {
		k := r.word()
		r.need(k != 0, "recent ping")
		c.remember(k)
	}
	r.evidence(&c)
	r.runs(&c)
	r.need(len(r.rest) == 0, "length")
	if r.err != nil {
		return r.err
	}
	s.Carried = c
	return nil
}

// reader takes values off the front and keeps the first error.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) need(ok bool, what string) {
	if !ok && r.err == nil {
		r.err = fmt.Errorf("%w: bad %s", errCarried, what)
	}
}

func (r *reader) take(n int) []byte {
	r.need(len(r.rest) >= n, "length")
	if r.err != nil {
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) word() uint64   { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *reader) float() float64 { return math.Float64frombits(r.word()) }

func (r *reader) time() Millis {
	t := Millis(r.word())
	r.need(t != 0 && t > -1<<50 && t < 1<<50, "time")
	return t
}

func (r *reader) scatter() scatter {
	sc := scatter{Samples: r.byte(), Skip: r.byte(), Many: binary.LittleEndian.Uint16(r.take(2)), Quick: r.float(), Slow: r.float(), Long: r.float()}
	r.need(sc.Samples <= slowSamples && sc.Skip <= 2 && sc.Many <= longSamples && (sc.Many == 0) == (sc.Samples == 0), "scatter samples")
	for _, v := range [...]float64{sc.Quick, sc.Slow, sc.Long} {
		r.need(v >= 0 && v <= 1e15, "scatter")
	}
	return sc
}

func (r *reader) fix() fix {
	f := fix{At: r.time(), Place: geo.Point{Lat: r.float(), Lng: r.float()}, Sigma: r.float()}
	r.need(f.Place.Lat >= -90 && f.Place.Lat <= 90 && f.Place.Lng >= -180 && f.Place.Lng <= 180, "place")
	r.need(f.Sigma >= 0 && f.Sigma <= 1e8, "accuracy")
	return f
}

func (r *reader) evidence(c *Carried) {
	n := int(r.byte())
	r.need(n <= maxEvidence && len(r.rest) >= n*evidenceBytes, "evidence")
	for i := 0; i < n && r.err == nil; i++ {
		e := evidence{Fence: ID(r.take(16)), By: ID(r.take(16)), Since: r.time(), Latest: r.time(), Sum: r.float(), Deep: r.float()}
		r.need(e.Sum >= 0 && e.Sum <= 1000 && e.Deep >= 0 && e.Deep <= 1000 && e.Since <= e.Latest, "evidence")
		r.need(c.pending(e.Fence) < 0, "evidence: fence twice")
		c.evidence = append(c.evidence, e)
	}
}

func (r *reader) runs(c *Carried) {
	n := int(r.byte())
	r.need(n <= maxRuns && len(r.rest) == n*runBytes, "runs")
	for i := 0; i < n && r.err == nil; i++ {
		u := r.run()
		r.need(c.running(u.Fence) < 0, "runs: fence twice")
		c.runs = append(c.runs, u)
	}
}

func (r *reader) run() run {
	u := run{Fence: ID(r.take(16)), At: r.time(), Near: Millis(r.word())}
	flags := r.byte()
	u.Falling, u.Rests = flags&runFalls != 0, flags&runRests != 0
	u.Weight, u.Time, u.Gap, u.Times, u.Slopes = r.float(), r.float(), r.float(), r.float(), r.float()
	u.Since = Millis(r.word())
	for _, v := range [...]*float32{&u.Last, &u.Error, &u.Home, &u.Span} {
		*v = math.Float32frombits(binary.LittleEndian.Uint32(r.take(4)))
		r.need(math.Abs(float64(*v)) <= 1e9, "run")
	}
	r.need(flags <= runFalls|runRests && u.Near >= 0 && u.Near <= u.At && u.Span >= 0 && u.Error >= 0, "run")
	if u.Rests {
		r.need(u == run{Fence: u.Fence, At: u.At, Home: u.Home, Span: u.Span, Rests: true}, "rest")
		return u
	}
	r.need(u.Since > -1<<50 && u.Since <= u.At, "run")
	r.need(u.Weight > 0 && u.Weight <= 1e6 && u.Times >= 0 && u.Times <= 1e15 && u.Time <= 0 && u.Time >= -1e6, "run")
	r.need(math.Abs(u.Gap) <= 1e9 && math.Abs(u.Slopes) <= 1e20, "run")
	return u
}

func appendWord(b []byte, w uint64) []byte   { return binary.LittleEndian.AppendUint64(b, w) }
func appendFloat(b []byte, f float64) []byte { return appendWord(b, math.Float64bits(f)) }
