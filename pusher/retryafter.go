package pusher

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// LongestRetryAfter bounds what a provider may ask for.
const LongestRetryAfter = 24 * time.Hour

// RetryAfter reads the header of that name in both its forms, seconds or a date (RFC 9110, section 10.2.3); 0: there is
// none that can be used.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	var asked time.Duration
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		asked = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		asked = at.Sub(now)
	}
	return min(max(asked, 0), LongestRetryAfter)
}
