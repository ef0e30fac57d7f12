package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"github.com/pterm/pterm"
	"golang.org/x/term"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

type importCommand struct {
	People    importPeople    `cmd:"" help:"Make and change people by own id, with attributes. The same file again changes nothing."`
	Purchases importPurchases `cmd:"" help:"Count sales of people, each once by the till's own id."`
	Segment   importSegment   `cmd:"" help:"Put people on a segment's list, take them off, or replace the list, by own ids."`
}

// importFile are the flags of commands that bring a file to a running server, part by part.
type importFile struct {
	Remote   `embed:""`
	File     string `short:"f" help:"CSV with a header; may be compressed by gzip." required:"" type:"existingfile" placeholder:"FILE"`
	Encoding string `help:"How its text is written: utf-8, cp949, or auto." default:"auto" enum:"auto,utf-8,cp949"`
	DryRun   bool   `help:"Only tell what would happen."`
	NoHeader bool   `kong:"-"`
	Lines    int    `help:"Lines that one call brings, 1 to 10000." default:"2000"`
	JSON     bool   `name:"json" help:"Print one JSON object a line: faulty lines, then the sums."`
}

// checksSettings lets the flags' faults be reported together.
func (*importFile) checksSettings() {}

type (
	importPeople    struct{ importFile }
	importPurchases struct{ importFile }
)

// Run brings people.
func (c *importPeople) Run(ctx context.Context, out io.Writer, _ *slog.Logger, s *settings) error {
	return c.bring(ctx, out, s, func(ctx context.Context, client clients, p part) (*v1.ImportReport, error) {
		r, err := client.people.ImportPersons(ctx, &v1.ImportPersonsRequest{
			RequestId: p.id, Content: p.content, Encoding: p.encoding, FirstLine: int32(p.first), ValidateOnly: c.DryRun,
		})
		return r.GetReport(), err
	})
}

// Run brings sales.
func (c *importPurchases) Run(ctx context.Context, out io.Writer, _ *slog.Logger, s *settings) error {
	return c.bring(ctx, out, s, func(ctx context.Context, client clients, p part) (*v1.ImportReport, error) {
		r, err := client.people.ImportPurchases(ctx, &v1.ImportPurchasesRequest{
			RequestId: p.id, Content: p.content, Encoding: p.encoding, FirstLine: int32(p.first), ValidateOnly: c.DryRun,
		})
		return r.GetReport(), err
	})
}

type importSegment struct {
	importFile
	Segment string `help:"The segment, by own id." required:"" placeholder:"ID"`
	IDsOnly bool   `name:"ids-only" help:"The file has no header: it is nothing but ids, one a line."`
	Action  string `help:"What becomes of the people: add, remove, or replace, when the list is exactly they." default:"replace" enum:"add,remove,replace"`
}

var segmentActions = map[string]v1.UploadSegmentMembersRequest_Action{
	"add": v1.UploadSegmentMembersRequest_ADD, "remove": v1.UploadSegmentMembersRequest_REMOVE, "replace": v1.UploadSegmentMembersRequest_REPLACE,
}

// Run brings the members of a list.
func (c *importSegment) Run(ctx context.Context, out io.Writer, _ *slog.Logger, s *settings) error {
	if c.DryRun {
		s.fault("dry-run", errors.New("a list is not judged before it is brought"))
	}
	c.NoHeader = c.IDsOnly
	upload := uuid.NewString()
	return c.bring(ctx, out, s, func(ctx context.Context, client clients, p part) (*v1.ImportReport, error) {
		r := &v1.UploadSegmentMembersRequest{
			RequestId: p.id, Key: &v1.UploadSegmentMembersRequest_ExternalId{ExternalId: c.Segment}, Action: segmentActions[c.Action],
			Content: p.content, Encoding: p.encoding, FirstLine: int32(p.first),
		}
		if c.Action == "replace" {
			r.UploadId, r.MoreParts = upload, !p.last
		}
		done, err := client.segments.UploadSegmentMembers(ctx, r)
		report := &v1.ImportReport{Updated: done.GetChanged(), Unchanged: done.GetUnchanged(), Refused: done.GetRefused()}
		for _, f := range done.GetRefusals() {
			report.Rows = append(report.Rows, &v1.ImportReport_Row{Line: f.GetLine(), ExternalId: f.GetExternalId(), Action: v1.ImportReport_REFUSED,
				Field: "external_id", Reason: f.GetReason(), Detail: f.GetDetail()})
		}
		report.RowsOmitted = report.Refused - int32(len(report.Rows))
		return report, err
	})
}

type clients struct {
	people   v1.PersonServiceClient
	segments v1.SegmentServiceClient
}

// bring sends the file part by part and tells what became of its lines. A part that got no answer is sent again; after a
// stop the whole command may be run again.
func (c *importFile) bring(ctx context.Context, out io.Writer, s *settings, send func(context.Context, clients, part) (*v1.ImportReport, error)) error {
	if c.Address == "" {
		s.fault("address", errors.New("is needed: a file is brought to a running server"))
	}
	if c.Lines < 1 || c.Lines > 10_000 {
		s.fault("lines", errors.New("must be 1 to 10000"))
	}
	conn, hangUp, err := c.dial(s)
	if err != nil {
		return err
	}
	defer hangUp()
	open := openParts
	if c.NoHeader {
		open = openLines
	}
	file, err := open(c.File, c.Encoding)
	if err != nil {
		return err
	}
	defer file.close()
	client := clients{v1.NewPersonServiceClient(conn), v1.NewSegmentServiceClient(conn)}
	sums := importSums{out: out, json: c.JSON, began: time.Now()}
	bar := newImportBar(file.lines)
	defer bar.done()
	for {
		p, err := file.next(c.Lines)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		report, err := sendAgain(ctx, func(ctx context.Context) (*v1.ImportReport, error) { return send(ctx, client, p) })
		if err != nil {
			return fmt.Errorf("stopped before line %d, and what came before stays as it is: %w", p.first, told(err))
		}
		bar.add(p.lines)
		if err := sums.add(report); err != nil {
			return err
		}
	}
	bar.done()
	return sums.tell()
}

// sendAgain repeats a call that may be repeated, for some minutes.
func sendAgain(ctx context.Context, send func(context.Context) (*v1.ImportReport, error)) (*v1.ImportReport, error) {
	return backoff.Retry(ctx, func() (*v1.ImportReport, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		r, err := send(ctx)
		switch status.Code(err) {
		case codes.OK:
			return r, nil
		case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Aborted:
			return nil, err
		}
		return nil, backoff.Permanent(err)
	}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(5*time.Minute))
}

// importSums is what became of the lines so far.
type importSums struct {
	out                                  io.Writer
	json                                 bool
	began                                time.Time
	created, changed, unchanged, refused int
}

func (s *importSums) add(r *v1.ImportReport) (err error) {
	s.created, s.changed = s.created+int(r.GetCreated()), s.changed+int(r.GetUpdated())
	s.unchanged, s.refused = s.unchanged+int(r.GetUnchanged()), s.refused+int(r.GetRefused())
	for _, row := range r.GetRows() {
		if s.json {
			err = errors.Join(err, json.NewEncoder(s.out).Encode(map[string]any{
				"line": row.GetLine(), "external_id": row.GetExternalId(), "field": row.GetField(), "reason": row.GetReason().String(), "detail": row.GetDetail(),
			}))
			continue
		}
		_, fault := fmt.Fprintf(s.out, "line %d (%s): %s: %s\n", row.GetLine(), row.GetExternalId(), row.GetField(), row.GetDetail())
		err = errors.Join(err, fault)
	}
	if n := r.GetRowsOmitted(); n > 0 && !s.json {
		_, fault := fmt.Fprintf(s.out, "and %d more\n", n)
		err = errors.Join(err, fault)
	}
	return err
}

func (s *importSums) tell() error {
	total, took := s.created+s.changed+s.unchanged+s.refused, time.Since(s.began)
	var err error
	if s.json {
		err = json.NewEncoder(s.out).Encode(map[string]any{
			"lines": total, "created": s.created, "changed": s.changed, "unchanged": s.unchanged, "refused": s.refused, "seconds": took.Seconds(),
		})
	} else {
		_, err = fmt.Fprintf(s.out, "%d lines: %d created, %d changed, %d unchanged, %d refused; %.0f lines a second\n",
			total, s.created, s.changed, s.unchanged, s.refused, float64(total)/max(took.Seconds(), 0.001))
	}
	if err == nil && s.refused > 0 {
		err = fmt.Errorf("%d of %d lines were refused", s.refused, total)
	}
	return err
}

// importBar shows how far a file is on a terminal, and nothing elsewhere.
type importBar struct{ bar *pterm.ProgressbarPrinter }

func newImportBar(lines int) *importBar {
	b := &importBar{}
	if term.IsTerminal(int(os.Stderr.Fd())) && lines > 0 {
		pterm.SetDefaultOutput(os.Stderr)
		b.bar, _ = pterm.DefaultProgressbar.WithTotal(lines).WithTitle("lines").WithRemoveWhenDone().Start()
	}
	return b
}

func (b *importBar) add(lines int) {
	if b.bar != nil {
		b.bar.Add(lines)
	}
}

func (b *importBar) done() {
	if b.bar != nil {
		_, _ = b.bar.Stop()
		b.bar = nil
	}
}
