package presence

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write what happened into the transcripts")

// TestTranscripts plays every testdata/*.txt. A line is a comment (#), a command, or,
// indented with >, what happened. testdata/README says what can be written.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			got := play(t, string(text))
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(text), got, "go test -run TestTranscripts -rewrite shows what happens now")
		})
	}
}

type stage struct {
	*phone
	policy Policy
	names  map[ID]string
	rng    *rand.Rand
	out    strings.Builder
}

func play(t *testing.T, text string) string {
	st := &stage{phone: newPhone(t, Standard), names: map[ID]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "    > ") {
			continue
		}
		fmt.Fprintln(&st.out, line)
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			st.command(words{t, line, strings.Fields(line)})
		}
	}
	return st.out.String()
}

// words is one command; its values are found by the word before them.
type words struct {
	t    *testing.T
	line string
	w    []string
}

func (c words) after(key string) (string, bool) {
	for i, w := range c.w[:len(c.w)-1] {
		if w == key {
			return c.w[i+1], true
		}
	}
	return "", false
}

func (c words) has(key string) bool {
	for _, w := range c.w {
		if w == key {
			return true
		}
	}
	return false
}

func (c words) metres(i int) float64 {
	v, err := strconv.ParseFloat(c.w[i], 64)
	require.NoError(c.t, err, c.line)
	return v
}

func (c words) number(key string, otherwise float64) float64 {
	if s, ok := c.after(key); ok {
		v, err := strconv.ParseFloat(s, 64)
		require.NoError(c.t, err, c.line)
		return v
	}
	return otherwise
}

func (c words) duration(key string, otherwise time.Duration) time.Duration {
	if s, ok := c.after(key); ok {
		v, err := time.ParseDuration(s)
		require.NoError(c.t, err, c.line)
		return v
	}
	return otherwise
}

const midnight = start - start%86_400_000

func (c words) clock(s string) Millis {
	v, err := time.Parse("15:04:05", s)
	require.NoError(c.t, err, c.line)
	return midnight + Millis(v.Hour()*3600+v.Minute()*60+v.Second())*1000
}

func shown(at Millis) string { return time.UnixMilli(at).UTC().Format("15:04:05") }

func (st *stage) command(c words) {
	switch {
	case c.w[0] == "policy":
		p, err := ParsePolicy(c.w[1])
		require.NoError(c.t, err)
		st.policy, st.dev = p, DeviceDefaults(p)
		st.dev.RefuseMock = c.has("refuse-mock")
	case c.w[0] == "fence":
		st.fence(c)
	case c.w[0] == "row":
		st.row(c)
	case c.w[0] == "move":
		st.move(c)
	case c.w[0] == "walk":
		st.walk(c)
	case len(c.w) > 1 && c.w[1] == "at":
		at := c.clock(c.w[0])
		p := Ping{At: at, Place: offset(c.metres(2), c.metres(3)), Accuracy: c.number("accuracy", 0), Speed: c.number("speed", -1), Mock: c.has("mock")}
		if n := c.number("id", 0); n != 0 {
			p.ID = testID(int(n))
		}
		now := at
		if s, ok := c.after("heard"); ok {
			now = c.clock(s)
		}
		st.happens(st.take(p, now), false)
	case len(c.w) > 1 && c.w[1] == "promise":
		st.state.PromisedBy = c.clock(c.w[0])
	case len(c.w) > 1 && c.w[1] == "clock":
		st.told = st.state.Tick(c.clock(c.w[0]), st.rules, st.told)
		st.happens(None, false)
	case len(c.w) > 2 && c.w[1] == "end":
		st.end(c)
	default:
		c.t.Fatalf("no such command: %s", c.line)
	}
}

func (st *stage) rules(id ID) *Rules {
	for i := range st.fences {
		if st.fences[i].id == id {
			return st.fences[i].rules
		}
	}
	return nil
}

// take is phone.report with a receipt time of its own.
func (st *stage) take(p Ping, now Millis) Refusal {
	if p.ID == (ID{}) {
		st.pings++
		p.ID = testID(1_000_000 + st.pings)
	}
	var cs []Candidate
	for i := range st.fences {
		if st.fences[i].rules.AppearedAt > p.At {
			continue
		}
		cs = append(cs, st.fences[i].seenFrom(p.Place))
	}
	var why Refusal
	st.told, why = st.state.Apply(p, now, cs, &st.dev, st.told)
	return why
}

func (st *stage) fence(c words) {
	p := st.policy
	if s, ok := c.after("policy"); ok {
		var err error
		p, err = ParsePolicy(s)
		require.NoError(c.t, err)
	}
	r := Defaults(p)
	r.Dwell = c.duration("dwell", 0)
	r.Silence = c.duration("silence", r.Silence)
	r.MaxSpeed = c.number("max-speed", r.MaxSpeed)
	r.ApproachDistance = c.number("approach", 0)
	r.ApproachTime = c.duration("approach-time", 0)
	if s, ok := c.after("appears"); ok {
		r.AppearedAt = c.clock(s)
	}
	switch s, _ := c.after("already-inside"); s {
	case "enter":
		r.AlreadyInside = Enter
	case "dwell":
		r.AlreadyInside = DwellOnly
	}
	require.NoError(c.t, r.Check())
	id := testID(len(st.fences) + 1)
	st.names[id] = c.w[1]
	st.fences = append(st.fences, circle{id: id, at: offset(c.number("north", 0), c.number("east", 0)), radius: c.number("radius", 100), rules: &r})
}

// row N NAME every METRES north radius R: NAME1 to NAMEn, from south to north.
func (st *stage) row(c words) {
	for i := range int(c.metres(1)) {
		name := fmt.Sprintf("%s%d", c.w[2], i+1)
		r := Defaults(st.policy)
		id := testID(len(st.fences) + 1)
		st.names[id] = name
		st.fences = append(st.fences, circle{id: id, at: offset(float64(i)*c.number("every", 0), 0), radius: c.number("radius", 100), rules: &r})
	}
}

// move NAME [north N] [east E] [radius R]
func (st *stage) move(c words) {
	for i := range st.fences {
		if f := &st.fences[i]; st.names[f.id] == c.w[1] {
			f.at, f.radius = offset(c.number("north", 0), c.number("east", 0)), c.number("radius", f.radius)
		}
	}
}

// walk NORTH EAST to NORTH EAST from CLOCK until CLOCK every D [accuracy A] [noise S] [shuffled]
func (st *stage) walk(c words) {
	from, _ := c.after("from")
	until, _ := c.after("until")
	a, b := c.clock(from), c.clock(until)
	every := c.duration("every", 10*time.Second).Milliseconds()
	noise := c.number("noise", 0)
	rng := rand.New(rand.NewPCG(uint64(c.number("seed", 1)), 3))
	var batch []Ping
	for at := a; at <= b; at += every {
		f := float64(at-a) / math.Max(float64(b-a), 1)
		n := c.metres(1) + f*(c.metres(4)-c.metres(1)) + noise*rng.NormFloat64()
		e := c.metres(2) + f*(c.metres(5)-c.metres(2)) + noise*rng.NormFloat64()
		batch = append(batch, Ping{ID: testID(int(at)), At: at, Place: offset(n, e), Accuracy: c.number("accuracy", 0), Speed: c.number("speed", -1)})
	}
	if c.has("shuffled") {
		batch = append(batch, batch...)
		rng.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
		SortPings(batch)
	}
	refused := map[Refusal]int{}
	for _, p := range batch {
		now := p.At
		if s, ok := c.after("heard"); ok {
			now = c.clock(s)
		}
		why := st.take(p, now)
		refused[why]++
		st.happens(None, true)
	}
	for why := Duplicate; why <= Mock; why++ {
		if n := refused[why]; n > 0 {
			fmt.Fprintf(&st.out, "    > %d refused: %v\n", n, why)
		}
	}
}

func (st *stage) end(c words) {
	for why := range reasonNames {
		if reasonNames[why] != c.w[3] {
			continue
		}
		if c.w[2] == "all" {
			st.told = st.state.EndAll(c.clock(c.w[0]), Reason(why), st.told)
		}
		for id, name := range st.names {
			if name == c.w[2] {
				st.told = st.state.End(id, c.clock(c.w[0]), Reason(why), st.told)
			}
		}
		st.happens(None, false)
		return
	}
	c.t.Fatalf("no such reason: %s", c.line)
}

// happens writes down what was told since the last time.
func (st *stage) happens(why Refusal, hush bool) {
	if why != None {
		fmt.Fprintf(&st.out, "    > refused: %v\n", why)
	} else if len(st.told) == 0 && !hush {
		fmt.Fprintln(&st.out, "    > nothing changes")
	}
	for _, t := range st.told {
		fmt.Fprintf(&st.out, "    > %s %s %s", shown(t.At), t.Kind, st.names[t.Fence])
		if t.DecidedAt != t.At {
			fmt.Fprintf(&st.out, ", known at %s", shown(t.DecidedAt))
		}
		if t.Reason != Moved {
			fmt.Fprintf(&st.out, ", because of %v", t.Reason)
		}
		if t.Late {
			fmt.Fprint(&st.out, ", late")
		}
		fmt.Fprintln(&st.out)
	}
	st.told = st.told[:0]
}
