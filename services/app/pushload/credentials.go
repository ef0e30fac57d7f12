package pushload

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// Credentials are what the brand uploads, as the emulators give it out.
type Credentials struct {
	FCM                 []byte // service account
	APNs                []byte // p8
	KeyID, TeamID, Name string // of the p8; Name is the bundle id
}

// Emulated reads the addresses and credentials that emulators left in their directory.
func Emulated(dir string) (a emulator.Addresses, c Credentials, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "emulator.json"))
	if err != nil {
		return a, c, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, c, fmt.Errorf("emulator.json: %w", err)
	}
	c.KeyID, c.TeamID, c.Name = a.APNsKeyID, a.APNsTeamID, a.APNsTopic
	if c.FCM, err = os.ReadFile(a.ServiceAccount); err != nil {
		return a, c, err
	}
	c.APNs, err = os.ReadFile(a.P8)
	return a, c, err
}

func (c Credentials) rows(brandID uuid.UUID, e *engine.Engine) ([]brand.Credential, error) {
	firebase, err := brand.CheckServiceAccount(c.FCM)
	if err != nil {
		return nil, err
	}
	apple, err := brand.CheckAPNsKey(c.APNs, c.KeyID, c.TeamID, c.Name, false)
	if err != nil {
		return nil, err
	}
	rows := []brand.Credential{firebase, apple}
	for i, plain := range [][]byte{c.FCM, c.APNs} {
		rows[i].ID, rows[i].BrandID, rows[i].UpdatedAt = uuid.New(), brandID, e.Now()
		if rows[i].Sealed, err = e.SealCredential(brandID, plain); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
