package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
)

// CredentialError says which part of a VAPID credential is unusable, and why. It never quotes a secret.
type CredentialError struct{ Field, Reason string }

func (e *CredentialError) Error() string {
	return fmt.Sprintf("web push credential: %s: %s", e.Field, e.Reason)
}

// key is a VAPID key pair and whom a push service may write to about it.
type key struct {
	private, public string // base64url without padding
	subject         string // https address, or e-mail address without mailto:
}

// parseKey reads {"private_key": 32 bytes as base64url, "subject": "mailto:…" or "https://…"}.
func parseKey(credentialJSON []byte) (key, error) {
	var raw struct {
		PrivateKey string `json:"private_key"`
		Subject    string `json:"subject"`
	}
	if len(credentialJSON) > 16<<10 || json.Unmarshal(credentialJSON, &raw) != nil {
		return key{}, &CredentialError{"(file)", "is not the JSON of a VAPID key"}
	}
	secret, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(raw.PrivateKey, "="))
	if err != nil {
		return key{}, &CredentialError{"private_key", "is not base64url"}
	}
	private, err := ecdh.P256().NewPrivateKey(secret)
	if err != nil {
		return key{}, &CredentialError{"private_key", "is not a private key on P-256"}
	}
	subject, err := checkSubject(raw.Subject)
	if err != nil {
		return key{}, err
	}
	return key{
		private: base64.RawURLEncoding.EncodeToString(secret),
		public:  base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes()),
		subject: subject,
	}, nil
}

func checkSubject(text string) (string, error) {
	if address, ok := strings.CutPrefix(text, "mailto:"); ok {
		if parsed, err := mail.ParseAddress(address); err == nil && parsed.Address == address {
			return address, nil
		}
	} else if u, err := url.Parse(text); err == nil && u.Scheme == "https" && u.Host != "" {
		return text, nil
	}
	return "", &CredentialError{"subject", "must be mailto:address or an https address"}
}
