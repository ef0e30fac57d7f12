package emulator

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	accessTokenLife = time.Hour
	assertionGrant  = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

var usefulScopes = []string{
	"https://www.googleapis.com/auth/firebase.messaging",
	"https://www.googleapis.com/auth/cloud-platform",
}

// accessTokens are those given out, by value, with their end.
type accessTokens struct {
	mu    sync.Mutex
	given map[string]time.Time
}

func (t *accessTokens) give(now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for token, end := range t.given {
		if end.Before(now) {
			delete(t.given, token)
		}
	}
	token := "ya29.emulator-" + rand.Text()
	t.given[token] = now.Add(accessTokenLife)
	return token
}

func (t *accessTokens) good(token string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	end, ok := t.given[token]
	return ok && now.Before(end)
}

// Revoke makes every access token given out so far worthless: the next request gets a 401.
func (f *FCM) Revoke() {
	f.tokens.mu.Lock()
	defer f.tokens.mu.Unlock()
	clear(f.tokens.given)
}

func bearer(h http.Header) string {
	token, _ := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	return token
}

func (f *FCM) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	o, delay := f.next(tokenAddress)
	pause(r.Context(), delay)
	if o.Reset != "" {
		panic(http.ErrAbortHandler)
	}
	if !o.accepts() {
		refuseToken(w, o.Status, o.Code, "scripted")
		return
	}
	if grant := r.FormValue("grant_type"); grant != assertionGrant {
		refuseToken(w, http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: "+grant)
		return
	}
	if err := f.checkAssertion(r.FormValue("assertion")); err != nil {
		refuseToken(w, http.StatusBadRequest, "invalid_grant", err.Error())
		return
	}
	f.count(func(n *Counts) { n.Tokens++ })
	reply(w, map[string]any{
		"access_token": f.tokens.give(f.now()), "expires_in": int(accessTokenLife.Seconds()), "token_type": "Bearer",
	})
}

func refuseToken(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	reply(w, map[string]string{"error": code, "error_description": description})
}

// checkAssertion verifies what Google's token endpoint does: signature, account, audience, life and scope.
func (f *FCM) checkAssertion(assertion string) error {
	var claims struct {
		jwt.RegisteredClaims
		Scope string `json:"scope"`
	}
	_, err := jwt.ParseWithClaims(assertion, &claims, func(*jwt.Token) (any, error) { return &f.key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(f.origin()+"/token"), jwt.WithIssuer(f.clientEmail()),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(5*time.Minute), jwt.WithTimeFunc(f.now))
	if err != nil {
		return fmt.Errorf("Invalid JWT: %w", err)
	}
	if claims.IssuedAt == nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > time.Hour {
		return fmt.Errorf("Invalid JWT: iat and exp must be at most an hour apart")
	}
	for _, scope := range usefulScopes {
		if strings.Contains(" "+claims.Scope+" ", " "+scope+" ") {
			return nil
		}
	}
	return fmt.Errorf("Invalid OAuth scope")
}
