package fcm

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
)

// CredentialError says which field of a service account's JSON is unusable, and why. It never quotes a secret.
type CredentialError struct{ Field, Reason string }

func (e *CredentialError) Error() string {
	return fmt.Sprintf("firebase credential: %s: %s", e.Field, e.Reason)
}

const (
	maxCredentialBytes = 64 << 10
	minKeyBits         = 2048
)

// A service account's token address is a URL that somebody uploads and this process then calls, so only
// Google's own hosts are taken, or the host that an operator set as endpoint.
var tokenHosts = []string{"oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com"}

var projectPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]{0,62}$`)

type credential struct {
	Type         string `json:"type"`
	ProjectID    string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	ClientEmail  string `json:"client_email"`
	TokenURI     string `json:"token_uri"`

	key *rsa.PrivateKey
}

func parseCredential(raw []byte, endpoint string) (*credential, error) {
	if len(raw) > maxCredentialBytes {
		return nil, &CredentialError{"(file)", fmt.Sprintf("larger than %d bytes", maxCredentialBytes)}
	}
	var c credential
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, &CredentialError{"(file)", "is not JSON of a service account"}
	}
	if c.Type != "service_account" {
		return nil, &CredentialError{"type", "must be service_account"}
	}
	if !projectPattern.MatchString(c.ProjectID) {
		return nil, &CredentialError{"project_id", "is missing or not a project's id"}
	}
	if c.ClientEmail == "" {
		return nil, &CredentialError{"client_email", "is missing"}
	}
	key, err := parseKey(c.PrivateKey)
	if err != nil {
		return nil, &CredentialError{"private_key", err.Error()}
	}
	c.key, c.PrivateKey = key, ""
	if err := checkTokenURI(c.TokenURI, endpoint); err != nil {
		return nil, &CredentialError{"token_uri", err.Error()}
	}
	return &c, nil
}

func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("is missing or not PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return longEnough(key)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is neither PKCS #8 nor PKCS #1")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("is not an RSA key")
	}
	return longEnough(key)
}

func longEnough(key *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	if key.N.BitLen() < minKeyBits {
		return nil, fmt.Errorf("is shorter than %d bits", minKeyBits)
	}
	return key, nil
}

func checkTokenURI(uri, endpoint string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("is missing or not a URL")
	}
	if u.Scheme == "https" && slices.Contains(tokenHosts, u.Host) {
		return nil
	}
	if e, err := url.Parse(endpoint); endpoint != "" && err == nil && e.Host == u.Host && e.Scheme == u.Scheme {
		return nil
	}
	return errors.New("must be Google's (https://oauth2.googleapis.com/token)")
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("fcm: endpoint: want http(s)://host:port/v1")
	}
	return nil
}
