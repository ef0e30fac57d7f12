package presence

import (
	"fmt"
	"time"
)

// Policy says how pings are judged for a fence.
type Policy uint8

const (
	// Standard decides by accumulated evidence. It is the zero value.
	Standard Policy = iota
	// Strict wants more evidence, a deeper entry and a wider exit.
	Strict
	// Exact takes each ping at its word.
	Exact
)

var policyNames = [...]string{Standard: "standard", Strict: "strict", Exact: "exact"}

func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return fmt.Sprintf("policy(%d)", uint8(p))
}

// ParsePolicy reads "exact", "standard" or "strict".
func ParsePolicy(name string) (Policy, error) {
	for i, n := range policyNames {
		if n == name {
			return Policy(i), nil
		}
	}
	return Standard, fmt.Errorf("policy %q: want exact, standard or strict", name)
}

// AlreadyInside says what to do with a device that was inside a fence before
// the fence appeared (Rules.AppearedAt).
type AlreadyInside uint8

const (
	// Ignore opens a stay that says nothing, not even when it ends.
	Ignore AlreadyInside = iota
	// Enter treats the device as if it had just come in.
	Enter
	// DwellOnly opens a stay without Entered; Dwelled and Exited follow.
	DwellOnly
)

// Rules are one fence's thresholds. A Rules value is read-only once in use and
// passed by pointer.
type Rules struct {
	Policy Policy
	// EnterMargin, metres: a phone lying this far outside, or further, begins
	// no visit.
	EnterMargin float64
	// ExitMargin, metres, larger than EnterMargin: a visit ends by evidence of
	// being this far outside.
	ExitMargin float64
	// Surety is the evidence wanted before a visit begins or ends, as a natural
	// logarithm of odds. 0: the policy's own.
	Surety float64
	// Agreeing is the least number of pings that can settle a change, however
	// good they claim to be. 0: the policy's own.
	Agreeing int
	// Dwell is how long a stay lasts before Dwelled. 0: no dwell wanted.
	Dwell time.Duration
	// MaxSpeed, m/s: a ping that moves faster counts for no entry. 0: no limit.
	MaxSpeed float64
	// Silence is the time between reports after which a device counts as lost:
	// a stay ends 1.25 times this after the device was last heard. 0: never.
	// Exact fences have no timers.
	Silence time.Duration
	// AlreadyInside applies when AppearedAt lies after the last applied ping.
	AlreadyInside AlreadyInside
	// AppearedAt is when the fence, or what depends on it, came into being. 0:
	// it has always been there. Exact fences do not look at it.
	AppearedAt Millis
	// ApproachDistance, metres, and ApproachTime ask for Approached: told when a
	// device closes in on the fence and is nearer than the distance, or would be
	// there within the time at the speed at which it closes in (counted up to
	// MaxSpeed). Both 0: never. A phone on its way within ApproachLookout has no
	// quiet radius: only its pings show how fast it comes.
	ApproachDistance float64
	ApproachTime     time.Duration
}

// Defaults are a policy's thresholds for a walk-in fence. For a fence that people
// drive through on purpose, such as a district, clear MaxSpeed.
func Defaults(p Policy) Rules {
	switch p {
	case Exact:
		return Rules{Policy: Exact}
	case Strict:
		return Rules{Policy: Strict, EnterMargin: 0, ExitMargin: 50, Surety: 17, Agreeing: 4, MaxSpeed: 7, Silence: 30 * time.Minute}
	default:
		return Rules{Policy: Standard, EnterMargin: 5, ExitMargin: 30, Surety: 14.5, Agreeing: 3, MaxSpeed: 10, Silence: 30 * time.Minute}
	}
}

// Check names the first threshold that makes no sense, or returns nil.
func (r *Rules) Check() error {
	switch {
	case int(r.Policy) >= len(policyNames):
		return fmt.Errorf("policy: unknown value %d", r.Policy)
	case !(r.EnterMargin >= 0 && r.EnterMargin <= 1000):
		return fmt.Errorf("enter margin: %v m is not within 0..1000", r.EnterMargin)
	case !(r.ExitMargin >= 0 && r.ExitMargin <= 10000):
		return fmt.Errorf("exit margin: %v m is not within 0..10000", r.ExitMargin)
	case r.Policy != Exact && !(r.ExitMargin > r.EnterMargin):
		return fmt.Errorf("exit margin: %v m is not larger than the enter margin of %v m", r.ExitMargin, r.EnterMargin)
	case !(r.Surety >= 0 && r.Surety <= 100):
		return fmt.Errorf("surety: %v is not within 0..100", r.Surety)
	case r.Agreeing < 0 || r.Agreeing > 100:
		return fmt.Errorf("agreeing: %d is not within 0..100", r.Agreeing)
	case r.Dwell < 0 || r.Dwell > 7*24*time.Hour:
		return fmt.Errorf("dwell: %v is not within 0..7 days", r.Dwell)
	case !(r.MaxSpeed >= 0 && r.MaxSpeed <= 1000):
		return fmt.Errorf("max speed: %v m/s is not within 0..1000", r.MaxSpeed)
	case r.Silence < 0 || r.Silence > 7*24*time.Hour:
		return fmt.Errorf("silence: %v is not within 0..7 days", r.Silence)
	case r.AlreadyInside > DwellOnly:
		return fmt.Errorf("already inside: unknown value %d", r.AlreadyInside)
	case !(r.ApproachDistance >= 0 && r.ApproachDistance <= 50_000):
		return fmt.Errorf("approach distance: %v m is not within 0..50000", r.ApproachDistance)
	case r.ApproachTime < 0 || r.ApproachTime > time.Hour:
		return fmt.Errorf("approach time: %v is not within 0..1 h", r.ApproachTime)
	}
	return nil
}

// DeviceRules are what a brand asks of pings before any fence sees them.
type DeviceRules struct {
	// Policy is the brand's default. Exact refuses nothing but repeats: a brand
	// that takes pings at their word takes all of them.
	Policy Policy
	// DefaultAccuracy, metres, stands in for an unknown accuracy until the
	// track itself shows how much its fixes scatter.
	DefaultAccuracy float64
	// MaxAccuracy, metres: a worse ping is refused unless it lies so far from
	// some fence's edge that it still says something. 0: no limit.
	MaxAccuracy float64
	// RefuseMock refuses pings that the phone marks as simulated.
	RefuseMock bool
	// MaxJumpSpeed, m/s: a ping that implies more is a teleport, unless the next
	// one agrees with it. 0: no limit.
	MaxJumpSpeed float64
	// Freshness: a change decided by an older ping is Late. 0: never.
	Freshness time.Duration
}

// DeviceDefaults are the device rules of a policy.
func DeviceDefaults(p Policy) DeviceRules {
	d := DeviceRules{Policy: p, DefaultAccuracy: 25, Freshness: 5 * time.Minute}
	if p != Exact {
		d.MaxAccuracy = 200
		d.MaxJumpSpeed = 120
	}
	return d
}

// IsLate says whether something of time at is too old at now to act on.
func (d *DeviceRules) IsLate(at, now Millis) bool {
	return d.Freshness > 0 && now-at > d.Freshness.Milliseconds()
}

var (
	standardRules  = Defaults(Standard)
	standardDevice = DeviceDefaults(Standard)
)

// silentAfter is when a device last heard at heard counts as lost; 0: never.
func (r *Rules) silentAfter(heard Millis) Millis {
	if r.Policy == Exact || r.Silence <= 0 || heard == 0 {
		return 0
	}
	return heard + r.Silence.Milliseconds()*5/4
}
