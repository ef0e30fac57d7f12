package emulator

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Quotas are FCM's limits; 0 is no limit.
type Quotas struct {
	ProjectPerMinute int  `json:"project_per_minute,omitempty"` // bucket refilled a minute after its first use
	DevicePerMinute  int  `json:"device_per_minute,omitempty"`  // FCM: 240
	DevicePerHour    int  `json:"device_per_hour,omitempty"`    // FCM: 5,000
	Collapsible      bool `json:"collapsible,omitempty"`        // 20 at once to a device, one more every 3 minutes
	// BareDevice leaves FcmError out of a device's 429, as some of FCM's answers do.
	BareDevice bool `json:"bare_device,omitempty"`
}

const (
	collapsibleBurst = 20
	collapsibleEvery = 3 * time.Minute
)

type deviceQuota struct{ minute, hour, collapsible *rate.Limiter }

type quotas struct {
	mu      sync.Mutex
	limits  Quotas
	began   time.Time
	used    int
	devices map[string]*deviceQuota
}

func newQuotas(limits Quotas) *quotas {
	q := &quotas{}
	q.set(limits)
	return q
}

func (q *quotas) set(limits Quotas) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limits, q.used, q.devices = limits, 0, map[string]*deviceQuota{}
}

// project takes one request from the project's minute.
func (q *quotas) project(now time.Time) *Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.limits.ProjectPerMinute <= 0 {
		return nil
	}
	if now.Sub(q.began) >= time.Minute {
		q.began, q.used = now, 0
	}
	if q.used >= q.limits.ProjectPerMinute {
		left := q.began.Add(time.Minute).Sub(now)
		return &Outcome{Status: http.StatusTooManyRequests, Shape: RateLimit, RetryAfter: seconds(left)}
	}
	q.used++
	return nil
}

// device takes one notification from the address's own limits.
func (q *quotas) device(request *sendRequest, now time.Time) *Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := q.devices[request.address()]
	if d == nil {
		d = &deviceQuota{
			minute:      limiter(q.limits.DevicePerMinute, time.Minute),
			hour:        limiter(q.limits.DevicePerHour, time.Hour),
			collapsible: rate.NewLimiter(rate.Inf, 0),
		}
		if q.limits.Collapsible {
			d.collapsible = rate.NewLimiter(rate.Every(collapsibleEvery), collapsibleBurst)
		}
		q.devices[request.address()] = d
	}
	if !d.minute.AllowN(now, 1) || !d.hour.AllowN(now, 1) || (request.collapsible() && !d.collapsible.AllowN(now, 1)) {
		o := &Outcome{Status: http.StatusTooManyRequests, Code: "QUOTA_EXCEEDED", Shape: Quota, Field: "device"}
		if q.limits.BareDevice {
			o.Code = ""
		}
		return o
	}
	return nil
}

func limiter(n int, per time.Duration) *rate.Limiter {
	if n <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Every(per/time.Duration(n)), n)
}

func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
