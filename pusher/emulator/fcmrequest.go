package emulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxFCMBytes      = 4096
	maxFCMTopicBytes = 2048
	maxFCMTTL        = 2_419_200 // seconds: four weeks
)

type sendRequest struct {
	validateOnly bool
	message      sentMessage
}

// sentMessage is FCM's message as far as the emulator looks at it. Names are snake_case or camelCase.
type sentMessage struct {
	Token     string            `json:"token"`
	FID       string            `json:"fid"`
	Topic     string            `json:"topic"`
	Condition string            `json:"condition"`
	Data      map[string]string `json:"data"`

	Notification struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Image string `json:"image"`
	} `json:"notification"`
	Android struct {
		CollapseKey  string            `json:"collapse_key"`
		Priority     string            `json:"priority"`
		TTL          *string           `json:"ttl"`
		Data         map[string]string `json:"data"`
		Notification map[string]any    `json:"notification"`

		RestrictedPackageName string         `json:"restricted_package_name"`
		FCMOptions            map[string]any `json:"fcm_options"`
		DirectBootOK          bool           `json:"direct_boot_ok"`
		BandwidthConstrained  bool           `json:"bandwidth_constrained_ok"`
	} `json:"android"`
	APNS struct {
		Headers    map[string]string `json:"headers"`
		Payload    map[string]any    `json:"payload"`
		FCMOptions map[string]any    `json:"fcm_options"`

		LiveActivityToken string `json:"live_activity_token"`
	} `json:"apns"`
	Webpush    map[string]any `json:"webpush"`
	FCMOptions map[string]any `json:"fcm_options"`
	Name       string         `json:"name"`
}

func checkPath(path, project string) *Outcome {
	rest, ok := strings.CutPrefix(path, "/v1/projects/")
	name, verb, found := strings.Cut(rest, "/")
	if !ok || !found || verb != "messages:send" {
		return &Outcome{Status: http.StatusNotFound, Shape: HTML}
	}
	if name != project {
		return &Outcome{Status: http.StatusNotFound, Shape: Plain}
	}
	return nil
}

// readRequest parses and checks a body; a refusal is what FCM would answer.
func readRequest(body []byte) (*sendRequest, *Outcome) {
	if !capitalKeys(body) {
		return readPlain(body)
	}
	var raw struct {
		ValidateOnly  bool            `json:"validate_only"`
		ValidateCamel bool            `json:"validateOnly"`
		Message       json.RawMessage `json:"message"`
	}
	if err := strict(body, &raw); err != nil || len(raw.Message) == 0 {
		return nil, badRequest("message")
	}
	r := &sendRequest{validateOnly: raw.ValidateOnly || raw.ValidateCamel}
	if err := strict(snakeCase(raw.Message), &r.message); err != nil {
		return nil, badRequest("message")
	}
	return r, r.message.check()
}

// readPlain is readRequest of a body whose keys are snake_case, as most are: it is read once.
func readPlain(body []byte) (*sendRequest, *Outcome) {
	var raw struct {
		ValidateOnly bool         `json:"validate_only"`
		Message      *sentMessage `json:"message"`
	}
	if err := strict(body, &raw); err != nil || raw.Message == nil {
		return nil, badRequest("message")
	}
	return &sendRequest{validateOnly: raw.ValidateOnly, message: *raw.Message}, raw.Message.check()
}

func strict(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func badRequest(field string) *Outcome {
	return &Outcome{Status: http.StatusBadRequest, Shape: BadRequest, Field: field}
}

func invalidArgument(field string) *Outcome {
	return &Outcome{Status: http.StatusBadRequest, Code: "INVALID_ARGUMENT", Shape: FcmError, Field: field}
}

var ttlPattern = regexp.MustCompile(`^(\d{1,8})(\.\d{1,9})?s$`)

func (m *sentMessage) check() *Outcome {
	targets, limit := 0, maxFCMBytes
	for _, target := range []string{m.Token, m.FID, m.Topic, m.Condition} {
		if target != "" {
			targets++
		}
	}
	if m.Topic != "" || m.Condition != "" {
		limit = maxFCMTopicBytes
	}
	switch {
	case targets != 1:
		return badRequest("message")
	case m.size() > limit:
		return invalidArgument("message")
	}
	for _, data := range []map[string]string{m.Data, m.Android.Data} {
		for key := range data {
			if key == "from" || key == "gcm" || key == "" || strings.HasPrefix(key, "google") {
				return invalidArgument("message.data")
			}
		}
	}
	return m.checkAndroid()
}

func (m *sentMessage) checkAndroid() *Outcome {
	switch strings.ToLower(m.Android.Priority) {
	case "", "normal", "high":
	default:
		return badRequest("message.android.priority")
	}
	if m.Android.TTL == nil {
		return nil
	}
	parts := ttlPattern.FindStringSubmatch(*m.Android.TTL)
	if parts == nil {
		return badRequest("message.android.ttl")
	}
	if ttl, err := strconv.Atoi(parts[1]); err != nil || ttl > maxFCMTTL || (ttl == maxFCMTTL && parts[2] != "") {
		return invalidArgument("message.android.ttl")
	}
	return nil
}

func (m *sentMessage) size() int {
	size := len(m.Notification.Title) + len(m.Notification.Body) + len(m.Notification.Image)
	for _, data := range []map[string]string{m.Data, m.Android.Data} {
		for key, value := range data {
			size += len(key) + len(value)
		}
	}
	return size
}

func (r *sendRequest) address() string {
	for _, target := range []string{r.message.Token, r.message.FID, r.message.Topic} {
		if target != "" {
			return target
		}
	}
	return r.message.Condition
}

// collapsible: a time to live of 0 escapes the limit, being now or never.
func (r *sendRequest) collapsible() bool {
	ttl := r.message.Android.TTL
	return r.message.Android.CollapseKey != "" && (ttl == nil || (*ttl != "0s" && *ttl != "0"))
}

func (r *sendRequest) accepted(now time.Time) Accepted {
	m := &r.message
	a := Accepted{
		Address: r.address(), CollapseKey: m.Android.CollapseKey, Priority: strings.ToLower(m.Android.Priority),
		Title: m.Notification.Title, Body: m.Notification.Body,
	}
	if m.Android.TTL != nil {
		if ttl, err := time.ParseDuration(*m.Android.TTL); err == nil {
			a.Expires = now.Add(ttl).UTC()
		}
	}
	a.readKeys(m.Data)
	return a
}

// capitalKeys tells whether any key has a capital letter: most requests have none, and need no renaming.
func capitalKeys(text []byte) bool {
	inside, capital := false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			if inside && capital && bytes.HasPrefix(bytes.TrimLeft(text[i+1:], " \t\r\n"), []byte(":")) {
				return true
			}
			inside, capital = !inside, false
		case inside && c >= 'A' && c <= 'Z':
			capital = true
		}
	}
	return false
}

// snakeCase renames the message's keys of the first two levels, except inside free-form objects.
func snakeCase(raw json.RawMessage) json.RawMessage {
	var message map[string]json.RawMessage
	if json.Unmarshal(raw, &message) != nil {
		return raw
	}
	renamed := make(map[string]json.RawMessage, len(message))
	for key, value := range message {
		key = snake(key)
		if key == "android" || key == "apns" || key == "notification" {
			value = snakeKeys(value)
		}
		renamed[key] = value
	}
	out, err := json.Marshal(renamed)
	if err != nil {
		return raw
	}
	return out
}

func snakeKeys(raw json.RawMessage) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return raw
	}
	renamed := make(map[string]json.RawMessage, len(object))
	for key, value := range object {
		renamed[snake(key)] = value
	}
	out, err := json.Marshal(renamed)
	if err != nil {
		return raw
	}
	return out
}

func snake(key string) string {
	var b strings.Builder
	for _, r := range key {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
