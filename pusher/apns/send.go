package apns

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"golang.org/x/net/http2"

	"github.com/wantgo/wantgo/pusher"
)

const (
	maxAnswerBytes = 8 << 10
	// mostUnseen is how often a request that the server says it never looked at goes out again.
	mostUnseen = 5
)

// try is one request: what goes out, and what came back.
type try struct {
	path   string
	header http.Header
	body   []byte
	bearer string

	answer answer
	err    error // no answer
	wrote  bool  // the request began to leave this machine
	unseen bool  // the server says it never looked at it
}

// Send makes one attempt. See pusher.Sender.
func (s *Sender) Send(ctx context.Context, to pusher.Address, d *pusher.Delivery) pusher.Result {
	t, key, refused := s.prepare(to, d)
	if refused.Code != "" {
		return refused
	}
	p, err := s.pool(key)
	if errors.Is(err, errTooManyTopics) {
		return pusher.Result{Outcome: pusher.OutcomeRejected, Code: "TOO_MANY_TOPICS"}
	} else if err != nil {
		return pusher.Result{Outcome: pusher.OutcomeRetry, Code: "CLOSED"}
	}
	tokens := s.environment[key.sandbox].tokens
	if t.bearer, err = tokens.get(ctx); err != nil {
		return unsigned(ctx)
	}
	s.do(ctx, p, t)
	if worthRepeating(ctx, t, tokens) {
		s.do(ctx, p, t)
	}
	for again := 0; again < mostUnseen && t.err != nil && t.unseen; again++ {
		s.do(ctx, p, t)
	}
	if t.err != nil {
		return pusher.Result{Outcome: pusher.OutcomeRetry, Code: silence(t.err), MaybeReceived: t.wrote && !t.unseen}
	}
	return classify(t.answer, guess{
		environment: s.options.Sandbox && !to.Sandbox,
		ownTopic:    to.Topic != "" && to.Topic != s.topic,
	}, s.options.ServerErrorWait)
}

// unsigned is an attempt without a provider token: time ran out, or the key signs nothing.
func unsigned(ctx context.Context) pusher.Result {
	if ctx.Err() != nil {
		return pusher.Result{Outcome: pusher.OutcomeRetry, Code: silence(ctx.Err())}
	}
	return pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject, Code: "TOKEN_UNSIGNED"}
}

func (s *Sender) prepare(to pusher.Address, d *pusher.Delivery) (*try, poolKey, pusher.Result) {
	reject := func(code string) (*try, poolKey, pusher.Result) {
		return nil, poolKey{}, pusher.Result{Outcome: pusher.OutcomeRejected, Code: code}
	}
	topic := to.Topic
	if topic == "" {
		topic = s.topic
	}
	if !topicPattern.MatchString(topic) {
		return reject("TOPIC_MALFORMED")
	}
	if !isHex(to.Value) {
		_, _, r := reject("ADDRESS_MALFORMED")
		r.Quarantine = true
		return nil, poolKey{}, r
	}
	if !s.options.Now().Before(d.Deadline) {
		return nil, poolKey{}, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "DEADLINE_PASSED"}
	}
	body := Payload(d)
	if len(body) > maxPayloadBytes {
		return reject("PayloadTooLarge")
	}
	t := &try{path: "/3/device/" + to.Value, header: Header(d, topic), body: body}
	return t, poolKey{sandbox: to.Sandbox || s.options.Sandbox, topic: topic}, pusher.Result{}
}

// worthRepeating says whether asking again at once is what Apple wants, and readies t for it.
func worthRepeating(ctx context.Context, t *try, tokens *providerTokens) bool {
	switch {
	case t.err != nil:
		return false
	case t.answer.reason == expiredToken:
		token, ok := tokens.expired(ctx, t.bearer)
		t.bearer = token
		return ok
	case t.answer.reason == unrelatedKey:
		return true
	case t.answer.reason == tooManyUpdates:
		tokens.tooMany(ctx, t.bearer)
	}
	return false
}

// do sends t on a connection with room. ctx covers waiting for room too.
func (s *Sender) do(ctx context.Context, p *pool, t *try) {
	t.answer, t.err, t.wrote, t.unseen = answer{}, nil, false, false
	c, err := p.acquire(ctx)
	if err != nil {
		t.err = err
		return
	}
	t.send(ctx, c, p.dialer.address)
	switch t.answer.reason {
	case shutdown, idleTimeout, unrelatedKey:
		c.retired.Store(true)
	}
	answered := t.err == nil
	if !answered && c.going() {
		c.retired.Store(true)
	}
	if answered || !errors.Is(t.err, context.Canceled) {
		c.answered(answered || t.unseen)
	}
	p.release(c, answered && t.answer.status != http.StatusForbidden)
}

func (t *try) send(ctx context.Context, c *connection, host string) {
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	header := maps.Clone(t.header) // the connection may look at it longer than the request lasts
	header["Authorization"] = []string{"bearer " + t.bearer}
	req := http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: host, Path: t.path}, Host: host, Header: header,
		Body: io.NopCloser(bytes.NewReader(t.body)), ContentLength: int64(len(t.body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(t.body)), nil }}
	t.take(c.RoundTrip(req.WithContext(ctx)))
	t.wrote = wrote.Load()
	t.unseen = t.err != nil && (unprocessed(t.err) || (!t.wrote && ctx.Err() == nil))
}

func (t *try) take(resp *http.Response, err error) {
	if err != nil {
		t.err = err
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil && resp.StatusCode == http.StatusOK {
		err = nil // Apple took it: the status says so, and its body is empty anyway
	}
	if err != nil {
		t.err = err
		return
	}
	t.answer = parseAnswer(resp.StatusCode, resp.Header, body)
}

// unprocessed reports what HTTP/2 promises was not acted upon: a refused stream, or one above the last that
// a GOAWAY counts in (for which the library has an error of its own, without a name to compare with).
func unprocessed(err error) bool {
	var stream http2.StreamError
	if errors.As(err, &stream) {
		return stream.Code == http2.ErrCodeRefusedStream
	}
	return strings.Contains(err.Error(), "graceful shutdown GOAWAY")
}

// silence names an attempt without an answer.
func silence(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, errClosed):
		return "CLOSED"
	case errors.Is(err, context.Canceled):
		return "CANCELLED"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "TIMEOUT"
	}
	return "CONNECTION"
}
