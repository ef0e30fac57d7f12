package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/api"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// keeper is where a brand's campaigns are: in the database that the flags name, or behind a running server.
type keeper struct {
	Storage `embed:""`
	Remote  `embed:""`
	Brand   string `help:"The brand, by name or UUID, where there are several. A server knows it by the key." placeholder:"NAME"`
}

// answerLimit bounds what is read of a server's answer, bytes.
const answerLimit = 64 << 20

// asked runs f with a client of the server that the flags name.
func (k *keeper) asked(s *settings, f func(v1.CampaignServiceClient) error) error {
	conn, hangUp, err := k.dial(s)
	if err != nil {
		return err
	}
	defer hangUp()
	return f(v1.NewCampaignServiceClient(conn))
}

// local runs f on the brand in the database.
func (k *keeper) local(ctx context.Context, s *settings, log *slog.Logger, f func(*engine.Engine, *brand.Brand) error) error {
	return k.withNode(ctx, s, log, func(n *node.Node) error {
		b, err := (&whyCommand{Brand: k.Brand}).brand(n.Engine())
		if err != nil {
			return err
		}
		return f(n.Engine(), b)
	})
}

type exportCommand struct {
	keeper `embed:""`
	Out    string `help:"File to write. Default: standard output." short:"o" type:"path" placeholder:"FILE"`
}

// Run writes the file.
func (c *exportCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	text, err := c.export(ctx, log, s)
	if err != nil {
		return err
	}
	if c.Out != "" {
		return os.WriteFile(c.Out, text, 0o644)
	}
	_, err = out.Write(text)
	return err
}

func (c *exportCommand) export(ctx context.Context, log *slog.Logger, s *settings) (text []byte, err error) {
	if c.Address != "" {
		err = c.asked(s, func(server v1.CampaignServiceClient) error {
			answer, err := server.ExportCampaigns(ctx, &v1.ExportCampaignsRequest{}, grpc.MaxCallRecvMsgSize(answerLimit))
			text = answer.GetContent()
			return refusal(err)
		})
		return text, err
	}
	err = c.local(ctx, s, log, func(e *engine.Engine, b *brand.Brand) error {
		text, err = api.Export(e, b, true)
		return err
	})
	return text, err
}

type applyCommand struct {
	keeper `embed:""`
	File   string `help:"Campaign file, YAML or JSON; - is standard input." short:"f" required:"" placeholder:"FILE"`
	Yes    bool   `help:"Apply it. Without this, only what would change is printed."`
	Prune  bool   `help:"End campaigns that the file does not have."`
}

// Run prints what changes, and with --yes makes it so.
func (c *applyCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	text, err := c.read(os.Stdin)
	if err != nil {
		return err
	}
	changes, err := c.apply(ctx, log, s, text)
	if err != nil {
		return err
	}
	for _, change := range changes {
		printChange(out, change)
	}
	switch {
	case len(changes) == 0:
		_, err = fmt.Fprintln(out, "nothing changes")
	case c.Yes:
		_, err = fmt.Fprintf(out, "%d applied\n", len(changes))
	default:
		_, err = fmt.Fprintf(out, "%d would change; --yes applies it\n", len(changes))
	}
	return err
}

func (c *applyCommand) read(in io.Reader) ([]byte, error) {
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, api.MaxCampaignFile+1))
	if err == nil && len(text) > api.MaxCampaignFile {
		err = fmt.Errorf("%s is larger than %d bytes", c.File, api.MaxCampaignFile)
	}
	return text, err
}

func (c *applyCommand) apply(ctx context.Context, log *slog.Logger, s *settings, text []byte) (changes []*v1.AppliedChange, err error) {
	if c.Address != "" {
		err = c.asked(s, func(server v1.CampaignServiceClient) error {
			answer, err := server.ApplyCampaigns(ctx, &v1.ApplyCampaignsRequest{
				RequestId: uuid.NewString(), Content: text, ValidateOnly: !c.Yes, Prune: c.Prune,
			}, grpc.MaxCallRecvMsgSize(answerLimit))
			changes = answer.GetChanges()
			return refusal(err)
		})
		return changes, err
	}
	err = c.local(ctx, s, log, func(e *engine.Engine, b *brand.Brand) error {
		changes, err = api.Applying{Engine: e, Brand: b, Actor: "apply", Dry: !c.Yes, Prune: c.Prune, MaySettings: true}.Apply(ctx, text)
		return eachFault(err)
	})
	return changes, err
}

// eachFault has every fault of a file on a line of its own.
func eachFault(err error) error {
	var vs brand.Violations
	if !errors.As(err, &vs) {
		return err
	}
	var lines []error
	for _, v := range vs {
		lines = append(lines, errors.New(v.String()))
	}
	return errors.Join(lines...)
}

// refusal is a server's, with every field that it finds fault with on a line of its own.
func refusal(err error) error {
	var lines []error
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				lines = append(lines, fmt.Errorf("%s: %s: %s", v.GetField(), v.GetReason(), v.GetDescription()))
			}
		}
	}
	if len(lines) == 0 {
		return told(err)
	}
	return errors.Join(lines...)
}

// changeSigns begin the line of a change.
var changeSigns = map[v1.AppliedChange_Kind]string{v1.AppliedChange_CREATED: "+", v1.AppliedChange_UPDATED: "~", v1.AppliedChange_PRUNED: "-"}

func printChange(out io.Writer, c *v1.AppliedChange) {
	what := "brand settings"
	if c.GetExternalId() != "" {
		what = fmt.Sprintf("campaign %q", c.GetExternalId())
	}
	fmt.Fprintf(out, "%s %s\n", changeSigns[c.GetKind()], what)
	for _, f := range c.GetFields() {
		switch {
		case f.GetBefore() == "":
			fmt.Fprintf(out, "    + %s: %s\n", f.GetField(), f.GetAfter())
		case f.GetAfter() == "":
			fmt.Fprintf(out, "    - %s: %s\n", f.GetField(), f.GetBefore())
		default:
			fmt.Fprintf(out, "    ~ %s: %s -> %s\n", f.GetField(), f.GetBefore(), f.GetAfter())
		}
	}
}
