package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

type initCommand struct {
	Storage       `embed:""`
	Name          string `help:"The brand's name, as people know it." required:""`
	Jurisdiction  string `help:"Whose rules hold: KR, EU or US." default:"KR" placeholder:"CODE"`
	TimeZone      string `help:"IANA time zone where nothing nearer is known. Default: Asia/Seoul for KR, else UTC." placeholder:"ZONE"`
	Locale        string `help:"BCP 47 locale of texts where a person's own has none. Default: ko for KR, else en." placeholder:"LOCALE"`
	SenderName    string `help:"Who advertises; advertising needs it." placeholder:"NAME"`
	SenderContact string `help:"Telephone number or address of the advertiser; advertising needs it." placeholder:"CONTACT"`
	Filing        string `help:"The brand's filing as a location business: registered, small_business or on_device_only. Without one, a brand in KR takes no position at all." placeholder:"MODE"`
	FilingNumber  string `help:"Number of the filing." placeholder:"TEXT"`
	FilingDate    string `help:"Date of the filing, or of a small business's start." placeholder:"YYYY-MM-DD"`
	Another       bool   `help:"Make a brand although one of this name exists."`
	JSON          bool   `name:"json" help:"Print one JSON object."`
}

// made is what init prints. The secrets are never shown again.
type made struct {
	BrandID  uuid.UUID `json:"brand_id"`
	Name     string    `json:"name"`
	OwnerKey string    `json:"owner_key"`
	AppKey   string    `json:"app_key"`
}

// Run makes the brand.
func (c *initCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	settings := c.settings(s)
	return c.withNode(ctx, s, log, func(n *node.Node) error {
		result, err := c.make(ctx, n.Engine(), settings)
		if err != nil {
			return err
		}
		return c.print(out, result)
	})
}

// settings are the brand's; faults are noted with the flags' names.
func (c *initCommand) settings(faults *settings) brand.Settings {
	s := brand.Default(c.Jurisdiction)
	for _, given := range []struct{ flag, field *string }{
		{&c.TimeZone, &s.TimeZone}, {&c.Locale, &s.Locale}, {&c.SenderName, &s.SenderName}, {&c.SenderContact, &s.SenderContact},
	} {
		if *given.flag != "" {
			*given.field = *given.flag
		}
	}
	if strings.TrimSpace(c.Name) == "" || !brand.PlainText(c.Name, 100) {
		faults.fault("name", errors.New("must be plain text of 1 to 100 characters"))
	}
	s.Filing = brand.Filing{Mode: brand.FilingMode(c.Filing), Number: c.FilingNumber}
	if c.FilingDate != "" {
		var err error
		if s.Filing.Date, err = time.ParseInLocation(time.DateOnly, c.FilingDate, s.Zone()); err != nil {
			faults.fault("filing-date", errors.New("must be YYYY-MM-DD"))
		}
	}
	var violations brand.Violations
	errors.As(s.Validate(), &violations)
	for _, v := range violations {
		flag := strings.NewReplacer("filing.mode", "filing", "_", "-", ".", "-").Replace(v.Field)
		faults.fault(flag, errors.New(v.Reason))
	}
	return s
}

func (c *initCommand) make(ctx context.Context, e *engine.Engine, s brand.Settings) (made, error) {
	for _, b := range e.Brands() {
		if b.Name == c.Name && !c.Another {
			return made{}, fmt.Errorf("there is a brand %q already (%s); --another makes one more", b.Name, b.ID)
		}
	}
	now := e.Now()
	b := brand.Brand{ID: engine.NewID(now), Name: c.Name, Settings: s, CreatedAt: now}
	owner, ownerSecret := newKey(b.ID, brand.APIKey, "owner", now)
	owner.Scopes = []brand.Scope{brand.ScopeAll}
	app, appSecret := newKey(b.ID, brand.AppKey, "app", now)
	if err := e.CreateBrand(ctx, b, []brand.Key{owner, app}); err != nil {
		return made{}, err
	}
	return made{b.ID, b.Name, ownerSecret, appSecret}, nil
}

func newKey(brandID uuid.UUID, kind brand.KeyKind, name string, now time.Time) (brand.Key, string) {
	k := brand.Key{ID: uuid.New(), BrandID: brandID, Kind: kind, Name: name, CreatedAt: now}
	secret := brand.NewSecret(kind, k.ID)
	k.Hash = brand.HashSecret(secret)
	return k, secret
}

func (c *initCommand) print(out io.Writer, m made) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(m)
	}
	_, err := fmt.Fprintf(out, `Brand %q is made. These keys are shown only now:

  brand id   %s
  owner key  %s   (for your servers: keep it secret)
  app key    %s   (goes into your app)
`, m.Name, m.BrandID, m.OwnerKey, m.AppKey)
	return err
}
