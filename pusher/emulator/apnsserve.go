package emulator

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// serve answers one complete request.
func (a *APNs) serve(c *h2Connection, s *h2Stream) {
	var requests int
	a.count(func(n *Counts) { n.Requests++; requests = n.Requests })
	a.switchStreams(requests)
	if !a.hold(s.ctx) {
		a.ended("CLIENT_GONE")
		return
	}
	id := s.request.get("apns-id")
	if !canonicalUUID(id) {
		id = uuid.NewString()
	}
	if refusal := a.checkOn(c, s); refusal != nil {
		a.refuse(c, s, *refusal, id)
		return
	}
	o, delay := a.next(s.request.address())
	if o.accepts() {
		a.accept(s.request.accepted(id, a.now()))
		a.ended(o.name())
	}
	pause(s.ctx, delay)
	switch {
	case o.Reset != "":
		if !o.accepts() {
			a.ended(o.name())
		}
		c.reset(s, o.Reset)
	case !o.accepts():
		a.refuse(c, s, o, id)
	default:
		c.warmUp()
		c.respond(s, a.header(http.StatusOK, id), nil)
	}
	if o.GoAway {
		c.goAway(o.Code)
	}
}

func (a *APNs) checkOn(c *h2Connection, s *h2Stream) *Outcome {
	if s.tooBig {
		return reason(http.StatusRequestEntityTooLarge, "PayloadTooLarge")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.auth.known)
	refusal := a.check(&s.request, &c.auth)
	if len(c.auth.known) > before {
		a.seen(s.request.get("authorization"))
	}
	if refusal == nil {
		refusal = c.bind(s.request.get("apns-topic"))
	}
	return refusal
}

// seen counts a good provider token that no connection showed before.
func (a *APNs) seen(authorization string) {
	a.connections.Lock()
	_, known := a.tokens[authorization]
	a.tokens[authorization] = struct{}{}
	a.connections.Unlock()
	if !known {
		a.count(func(n *Counts) { n.ProviderTokens++ })
	}
}

// bind ties a connection to the topic of its first good request: another topic needs another connection.
func (c *h2Connection) bind(topic string) *Outcome {
	if c.topic == "" {
		c.topic = topic
	}
	if c.topic != topic {
		return reason(http.StatusBadRequest, "TopicDisallowed")
	}
	return nil
}

// switchStreams makes the script's change of the stream limit that is due at this many requests.
func (a *APNs) switchStreams(requests int) {
	a.mu.Lock()
	limit := 0
	for _, s := range a.script.Streams {
		if s.AtRequest == requests {
			limit = s.Limit
		}
	}
	a.mu.Unlock()
	if limit > 0 {
		a.SetStreams(limit)
	}
}

func (a *APNs) header(status int, id string) []hpack.HeaderField {
	fields := []hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(status)}, {Name: "apns-id", Value: id}}
	if a.o.Sandbox {
		fields = append(fields, hpack.HeaderField{Name: "apns-unique-id", Value: uuid.NewString()})
	}
	return fields
}

func (a *APNs) refuse(c *h2Connection, s *h2Stream, o Outcome, id string) {
	a.ended(o.name())
	fields := a.header(o.Status, id)
	if retry := o.retryAfter(a.now()); retry != "" {
		fields = append(fields, hpack.HeaderField{Name: "retry-after", Value: retry})
	}
	contentType, body := "application/json", a.reasonBody(o)
	switch o.Shape {
	case Empty:
		contentType, body = "", nil
	case HTML:
		contentType, body = errorBody(o)
	}
	if contentType != "" {
		fields = append(fields, hpack.HeaderField{Name: "content-type", Value: contentType})
	}
	c.refused(o, a.o)
	c.respond(s, fields, body)
}

func (a *APNs) reasonBody(o Outcome) []byte {
	answer := map[string]any{"reason": o.Code}
	if o.Status == http.StatusGone {
		answer["timestamp"] = o.TimestampMillis
		if o.TimestampMillis == 0 {
			answer["timestamp"] = a.now().UnixMilli()
		}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // a map of a string and a number always marshals
	}
	return body
}

// warmUp raises the limit after a connection's first accepted request.
func (c *h2Connection) warmUp() {
	limit := c.server.warmStreams()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.warm {
		c.warm = true
		if limit != c.limit {
			c.announce(limit)
		}
	}
}

// refused does to a connection what Apple does to one that errs.
func (c *h2Connection) refused(o Outcome, options APNsOptions) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if options.DropOnRefusal && c.warm && o.Status >= 400 && o.Status < 500 && o.Status != http.StatusGone {
		c.warm = false
		c.announce(options.ColdStreams)
	}
	if o.Code == "BadDeviceToken" {
		if c.badToken++; c.badToken == options.BadTokens {
			c.leave("BadDeviceToken")
		}
	}
}

func (c *h2Connection) reset(s *h2Stream, how Reset) {
	switch how {
	case ConnectionBefore, ConnectionAfter:
		c.close()
	case Refused:
		c.resetStream(s.id, http2.ErrCodeRefusedStream)
	default:
		c.resetStream(s.id, http2.ErrCodeInternal)
	}
}
