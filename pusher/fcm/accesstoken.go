package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
)

const (
	scope           = "https://www.googleapis.com/auth/firebase.messaging"
	grantType       = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionLife   = time.Hour
	exchangeTimeout = 10 * time.Second
	// earlyBy is how long before its end an access token is no longer used: a request under way outlives it.
	earlyBy        = 2 * time.Minute
	maxAnswerBytes = 64 << 10
)

// exchangeError is a token endpoint's refusal; status is 0 when there was no answer.
type exchangeError struct {
	status int
	code   string
	cause  error
}

func (e *exchangeError) Error() string {
	return fmt.Sprintf("fcm: access token: status %d, code %q: %v", e.status, e.code, e.cause)
}

func (e *exchangeError) Unwrap() error { return e.cause }

// accessTokens exchanges signed assertions for access tokens (RFC 7523) and keeps the last one. However many
// requests wait, one exchange is under way.
type accessTokens struct {
	cred   *credential
	client *http.Client
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	current string
	until   time.Time
}

func newAccessTokens(cred *credential, base http.RoundTripper, now func() time.Time) *accessTokens {
	return &accessTokens{cred: cred, now: now, client: &http.Client{
		Transport: base,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// get returns a token that is good for at least earlyBy.
func (t *accessTokens) get(ctx context.Context) (string, error) {
	if token, ok := t.kept(); ok {
		return token, nil
	}
	done := t.flight.DoChan("", func() (any, error) {
		if token, ok := t.kept(); ok {
			return token, nil
		}
		// The exchange serves everybody who waits, so one caller's end does not end it.
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
		defer cancel()
		return t.exchange(own)
	})
	select {
	case <-ctx.Done():
		return "", &exchangeError{cause: ctx.Err()}
	case r := <-done:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(string), nil
	}
}

func (t *accessTokens) kept() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current, t.current != "" && t.now().Before(t.until)
}

// discard forgets refused, unless it was replaced meanwhile.
func (t *accessTokens) discard(refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == refused {
		t.current = ""
	}
}

func (t *accessTokens) assertion(now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss":   t.cred.ClientEmail,
		"scope": scope,
		"aud":   t.cred.TokenURI,
		"iat":   now.Unix(),
		"exp":   now.Add(assertionLife).Unix(),
	})
	if t.cred.PrivateKeyID != "" {
		token.Header["kid"] = t.cred.PrivateKeyID
	}
	return token.SignedString(t.cred.key)
}

func (t *accessTokens) exchange(ctx context.Context) (string, error) {
	now := t.now()
	assertion, err := t.assertion(now)
	if err != nil {
		return "", &exchangeError{code: "unsigned", cause: err}
	}
	form := url.Values{"grant_type": {grantType}, "assertion": {assertion}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cred.TokenURI, strings.NewReader(form.Encode()))
	if err != nil {
		return "", &exchangeError{cause: errors.New("token_uri is not usable")}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := t.client.Do(req)
	if err != nil {
		return "", &exchangeError{cause: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return "", &exchangeError{cause: err}
	}
	return t.take(resp.StatusCode, body, now)
}

func (t *accessTokens) take(status int, body []byte, asked time.Time) (string, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       string `json:"error"`
	}
	err := json.Unmarshal(body, &answer)
	if status != http.StatusOK {
		return "", &exchangeError{status: status, code: answer.Error, cause: errors.New("refused")}
	}
	if err != nil || answer.AccessToken == "" || strings.ContainsAny(answer.AccessToken, "\r\n ") {
		return "", &exchangeError{status: status, cause: errors.New("no access token in the answer")}
	}
	life := min(time.Duration(answer.ExpiresIn)*time.Second, 24*time.Hour)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current, t.until = answer.AccessToken, asked.Add(life-earlyBy)
	return answer.AccessToken, nil
}
