package pusher

import "time"

// Observer is told what the dispatcher does, for counters and gauges. Calls come from many goroutines and must
// return at once. Codes and reasons come from providers and gates: an observer that makes labels of them bounds
// their number.
type Observer interface {
	// Attempt is one finished attempt: the provider's answer, its code, and how long it took.
	Attempt(provider Provider, outcome Outcome, code string, took time.Duration)
	// Ended is one written end, age after the ping that caused the delivery (engine time).
	Ended(provider Provider, state State, reason string, age time.Duration)
	// Deferred is a delivery given back to the outbox without an attempt, and why: one of the Deferred constants.
	Deferred(reason string)
	// Lost is a delivery another node took or ended before op ("begin", "finish") was written.
	Lost(op string)
	// OutboxFailed is one failed call of the outbox: "claim", "begin", "postpone", "finish".
	OutboxFailed(op string)
	// Waiting is how many deliveries wait in this process, InFlight how many are being attempted.
	Waiting(n int)
	InFlight(n int)
}

// Why a delivery was given back without an attempt.
const (
	DeferredFull          = "queue_full"
	DeferredNotDue        = "not_due"
	DeferredStopping      = "stopping"
	DeferredProjectPaused = "project_paused"
	DeferredDeviceSlowed  = "device_slowed"
	DeferredUnknown       = "recheck_unanswered"
	DeferredDropped       = "dropped_to_lease_end" // not even given back: its lease runs out
)

// NoObserver ignores everything; embed it to observe a part.
type NoObserver struct{}

func (NoObserver) Attempt(Provider, Outcome, string, time.Duration) {}
func (NoObserver) Ended(Provider, State, string, time.Duration)     {}
func (NoObserver) Deferred(string)                                  {}
func (NoObserver) Lost(string)                                      {}
func (NoObserver) OutboxFailed(string)                              {}
func (NoObserver) Waiting(int)                                      {}
func (NoObserver) InFlight(int)                                     {}
