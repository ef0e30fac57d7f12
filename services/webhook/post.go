package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/dial"
	"github.com/wantgo/wantgo/services/brand"
)

// sendTimeout is what an endpoint has to answer.
const sendTimeout = 10 * time.Second

// longestRetryAfter bounds what an endpoint may ask for.
const longestRetryAfter = 12 * time.Hour

// Answer is what an endpoint made of a request.
type Answer struct {
	Accepted   bool
	Code       string        // "HTTP_200", "TIMEOUT", "CONNECTION", "NOT_PUBLIC", "SECRET_UNREADABLE"
	RetryAfter time.Duration // 0: it did not say
	Gone       bool          // it wants no more of anything
	Took       time.Duration
}

// post makes one attempt.
func (d *Dispatcher) post(ctx context.Context, hook *brand.Webhook, id string, content []byte) Answer {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	now := d.c.Brands.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(content))
	if err != nil {
		return Answer{Code: "CONNECTION"}
	}
	signature, err := d.sign(hook, id, now, content)
	if err != nil {
		d.log.Error("a webhook's secret cannot be read", "brand", hook.BrandID, "webhook", hook.ID, "error", err)
		return Answer{Code: "SECRET_UNREADABLE"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "wantgo")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	begun := time.Now()
	resp, err := d.transport.RoundTrip(req) // and not a client: no redirects, no cookies
	if err != nil {
		return Answer{Code: silence(err), Took: time.Since(begun)}
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // what it says is of no interest; the connection is
	return Answer{
		Accepted: resp.StatusCode/100 == 2, Code: fmt.Sprintf("HTTP_%d", resp.StatusCode), Gone: resp.StatusCode == http.StatusGone,
		RetryAfter: min(pusher.RetryAfter(resp.Header, now), longestRetryAfter), Took: time.Since(begun),
	}
}

// sign is the signature under every secret that holds now.
func (d *Dispatcher) sign(hook *brand.Webhook, id string, now time.Time, content []byte) (string, error) {
	sealed := [][]byte{hook.Sealed}
	if hook.Previous != nil && now.Before(hook.PreviousUntil) {
		sealed = append(sealed, hook.Previous)
	}
	var signatures []string
	for _, s := range sealed {
		secret, err := d.c.Brands.OpenWebhookSecret(hook.BrandID, s)
		if err != nil {
			return "", err
		}
		signer, err := standardwebhooks.NewWebhook(string(secret))
		if err != nil {
			return "", errors.New("not a secret") // the library's error may quote it
		}
		signature, err := signer.Sign(id, now, content)
		if err != nil {
			return "", err
		}
		signatures = append(signatures, signature)
	}
	return strings.Join(signatures, " "), nil
}

// silence names an attempt without an answer.
func silence(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, dial.ErrPrivate):
		return "NOT_PUBLIC"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "TIMEOUT"
	}
	return "CONNECTION"
}
