package presence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/wantgo/wantgo/geo"
)

// The first byte of MarshalCarried. Without runs it is written as before there were
// any, which older nodes read. Another version is refused, which costs the phone a
// few pings of evidence.
const (
	carriedPlain    = 1
	carriedWithRuns = 2
)

// MaxCarriedBytes bounds what MarshalCarried gives and UnmarshalCarried takes.
const MaxCarriedBytes = 2 + 4*fixBytes + 8 + 17 + 8 + 1 + recentPings*8 + 1 + maxEvidence*evidenceBytes + 1 + maxRuns*runBytes

const (
	fixBytes      = 8 + 8 + 8 + 8
	evidenceBytes = 16 + 16 + 8 + 8 + 8 + 8
	runBytes      = 16 + 8 + 8 + 1 + 5*8
)

var errCarried = errors.New("carried state")

// MarshalCarried packs Carried, positions included: seal it before it leaves the
// process. A restored State goes on exactly as this one would.
func (s *State) MarshalCarried() []byte {
	c := &s.Carried
	b := make([]byte, 0, 160+len(c.evidence)*evidenceBytes+len(c.runs)*runBytes)
	b = append(b, carriedPlain, 0)
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
	b = append(b, c.scatter.Samples)
	b = appendFloat(b, c.scatter.Quick)
	b = appendFloat(b, c.scatter.Slow)
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
	if len(c.runs) > 0 {
		b[0] = carriedWithRuns
		b = c.appendRuns(b)
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
		b = append(b, 0)
		if u.Falling {
			b[len(b)-1] = 1
		}
		for _, v := range []float64{u.Weight, u.Time, u.Gap, u.Times, u.Slopes} {
			b = appendFloat(b, v)
		}
	}
	return b
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
	if r.err == nil && version != carriedPlain && version != carriedWithRuns {
		return fmt.Errorf("%w: version %d, want %d or %d", errCarried, version, carriedPlain, carriedWithRuns)
	}
	var c Carried
	held := r.byte()
	for i, f := range c.fixes() {
		if held&(1<<i) != 0 {
			*f = r.fix()
		}
	}
	c.suspectPing = r.word()
	c.scatter.Samples = r.byte()
	c.scatter.Quick, c.scatter.Slow = r.float(), r.float()
	r.need(held < 16, "flags")
	r.need(c.scatter.Samples <= slowSamples, "scatter samples")
	for _, v := range []float64{c.scatter.Quick, c.scatter.Slow} {
		r.need(v >= 0 && v <= 1e15, "scatter")
	}
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
	if version == carriedWithRuns {
		r.runs(&c)
	}
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
	r.need(n > 0 && n <= maxRuns && len(r.rest) == n*runBytes, "runs")
	for i := 0; i < n && r.err == nil; i++ {
		u := run{Fence: ID(r.take(16)), At: r.time(), Near: Millis(r.word())}
		falling := r.byte()
		u.Falling = falling == 1
		u.Weight, u.Time, u.Gap, u.Times, u.Slopes = r.float(), r.float(), r.float(), r.float(), r.float()
		r.need(falling <= 1 && u.Near >= 0 && u.Near <= u.At, "run")
		r.need(u.Weight > 0 && u.Weight <= 1e6 && u.Times >= 0 && u.Times <= 1e15 && u.Time <= 0 && u.Time >= -1e6, "run")
		r.need(math.Abs(u.Gap) <= 1e9 && math.Abs(u.Slopes) <= 1e20, "run")
		r.need(c.running(u.Fence) < 0, "runs: fence twice")
		c.runs = append(c.runs, u)
	}
}

func appendWord(b []byte, w uint64) []byte   { return binary.LittleEndian.AppendUint64(b, w) }
func appendFloat(b []byte, f float64) []byte { return appendWord(b, math.Float64bits(f)) }
