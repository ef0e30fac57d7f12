package brand

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strings"

	"github.com/wantgo/wantgo/pusher"
)

const maxCredential = 64 << 10

var (
	projectID = regexp.MustCompile(`^([a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	appleID   = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	bundleID  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{1,254}$`)
)

// Fingerprint names a secret without telling it: the first 16 hex digits of its SHA-256.
func Fingerprint(secret []byte) string {
	sum := sha256.Sum256(secret)
	return hex.EncodeToString(sum[:])[:16]
}

// CheckServiceAccount checks a Firebase service account file and returns the facts beside its secret: provider, project
// and fingerprint. The token address must be https, or http on this machine for an emulator.
func CheckServiceAccount(file []byte) (Credential, error) {
	var account struct {
		Type        string `json:"type"`
		ProjectID   string `json:"project_id"`
		PrivateKey  string `json:"private_key"`
		ClientEmail string `json:"client_email"`
		TokenURI    string `json:"token_uri"`
	}
	if len(file) > maxCredential {
		return Credential{}, Violations{{"service_account", "larger than any service account file"}}
	}
	if json.Unmarshal(file, &account) != nil {
		return Credential{}, Violations{{"service_account", "not a JSON object with the fields of a service account"}}
	}
	var vs Violations
	vs.Check(account.Type == "service_account", "service_account.type", "must be service_account")
	vs.Check(projectID.MatchString(account.ProjectID), "service_account.project_id", "missing or not a project id")
	address, err := mail.ParseAddress(account.ClientEmail)
	vs.Check(err == nil && address.Address == account.ClientEmail, "service_account.client_email", "missing or not an e-mail address")
	if err := checkRSA([]byte(account.PrivateKey)); err != nil {
		vs.Add("service_account.private_key", err.Error())
	}
	vs.Check(tokenAddress(account.TokenURI), "service_account.token_uri", "must be an https address (http only on this machine)")
	if err := vs.Err(); err != nil {
		return Credential{}, err
	}
	return Credential{Provider: pusher.FCM, ProjectID: account.ProjectID, Fingerprint: Fingerprint(file)}, nil
}

func checkRSA(text []byte) error {
	key, err := privateKey(text)
	if err != nil {
		return err
	}
	pair, ok := key.(*rsa.PrivateKey)
	switch {
	case !ok:
		return errors.New("not an RSA key")
	case pair.N.BitLen() < 2048:
		return errors.New("an RSA key of under 2048 bits")
	}
	return nil
}

// privateKey reads PEM of PKCS #8 or PKCS #1. Its errors say nothing of the content.
func privateKey(text []byte) (any, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("missing or not PEM")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("PEM without a private key in PKCS #8")
}

func tokenAddress(text string) bool {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || address.User != nil {
		return false
	}
	return address.Scheme == "https" || address.Scheme == "http" && loopback(address.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// CheckAPNsKey checks an APNs token key (.p8) with the ids that Apple shows beside it, and returns the facts beside its
// secret. The topic is the app's bundle id.
func CheckAPNsKey(file []byte, keyID, teamID, topic string, sandbox bool) (Credential, error) {
	var vs Violations
	if len(file) > maxCredential {
		vs.Add("p8", "larger than any token key")
	} else if err := checkP256(file); err != nil {
		vs.Add("p8", err.Error())
	}
	vs.Check(appleID.MatchString(keyID), "key_id", "must be 10 capital letters and digits")
	vs.Check(appleID.MatchString(teamID), "team_id", "must be 10 capital letters and digits")
	vs.Check(bundleID.MatchString(topic), "topic", "must be a bundle id such as com.example.app")
	if err := vs.Err(); err != nil {
		return Credential{}, err
	}
	return Credential{
		Provider: pusher.APNs, KeyID: keyID, TeamID: teamID, Topic: topic, Sandbox: sandbox, Fingerprint: Fingerprint(file),
	}, nil
}

func checkP256(text []byte) error {
	key, err := privateKey(text)
	if err != nil {
		return err
	}
	pair, ok := key.(*ecdsa.PrivateKey)
	if !ok || pair.Curve != elliptic.P256() {
		return errors.New("not an EC key on P-256")
	}
	return nil
}

// CheckVAPIDKey checks a key pair for web push by its private key, 32 bytes in base64url or PEM, and returns the facts
// beside its secret and the secret itself. The subject is whom a push service may write to.
func CheckVAPIDKey(privateKey, subject string) (c Credential, secret []byte, err error) {
	var vs Violations
	private, err := vapidKey(privateKey)
	if err != nil {
		vs.Add("private_key", err.Error())
	}
	vs.Check(contact(subject), "subject", "must be mailto:address or an https address")
	if err := vs.Err(); err != nil {
		return Credential{}, nil, err
	}
	secret, err = json.Marshal(map[string]string{
		"private_key": base64.RawURLEncoding.EncodeToString(private.Bytes()), "subject": subject,
	})
	public := base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes())
	return Credential{Provider: pusher.WebPush, KeyID: public, Fingerprint: Fingerprint(secret)}, secret, err
}

func vapidKey(text string) (*ecdh.PrivateKey, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		var pair *ecdsa.PrivateKey
		if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			pair, _ = parsed.(*ecdsa.PrivateKey)
		} else if parsed, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			pair = parsed
		}
		if pair == nil || pair.Curve != elliptic.P256() {
			return nil, errors.New("PEM without an EC private key on P-256")
		}
		return pair.ECDH()
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
	if err != nil {
		return nil, errors.New("neither base64url nor PEM")
	}
	private, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return nil, errors.New("not a private key on P-256")
	}
	return private, nil
}

func contact(text string) bool {
	if address, ok := strings.CutPrefix(text, "mailto:"); ok {
		parsed, err := mail.ParseAddress(address)
		return err == nil && parsed.Address == address
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}
