package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/app/why"
)

type tailCommand struct {
	Remote `embed:""`
	Device string `help:"This device: the brand's own id, or the UUID. Decisions are those about its person." xor:"subject" required:"" placeholder:"ID"`
	Person string `help:"This person, with every phone: the brand's own id, or the UUID." xor:"subject" required:"" placeholder:"ID"`
	Locale string `help:"Language: ko, or en." default:"en"`
	Zone   string `help:"Time zone of what is printed." default:"Local"`
	JSON   bool   `name:"json" help:"Print one JSON object a line: the messages of DecisionService.TailDecisions."`
}

// checksSettings lets the flags' faults be reported together.
func (*tailCommand) checksSettings() {}

// Run prints what happens until it is interrupted.
func (c *tailCommand) Run(ctx context.Context, out io.Writer, _ *slog.Logger, s *settings) error {
	if c.Address == "" {
		s.fault("address", errors.New("is needed: pings are heard by the server they come to"))
	}
	conn, hangUp, err := c.dial(s)
	if err != nil {
		return err
	}
	defer hangUp()
	client := v1.NewDecisionServiceClient(conn)
	for _, r := range c.requests() {
		r.Locale = c.Locale
		if err = c.follow(ctx, out, client, r); status.Code(err) != codes.NotFound {
			return told(err)
		}
	}
	return errors.New("nobody is known by that, or is no more")
}

func (c *tailCommand) requests() (requests []*v1.TailDecisionsRequest) {
	_, err := uuid.Parse(c.Person + c.Device)
	isID := err == nil
	if c.Person != "" {
		requests = append(requests, &v1.TailDecisionsRequest{Subject: &v1.TailDecisionsRequest_PersonExternalId{PersonExternalId: c.Person}})
		if isID {
			requests = append(requests, &v1.TailDecisionsRequest{Subject: &v1.TailDecisionsRequest_PersonId{PersonId: c.Person}})
		}
		return requests
	}
	requests = append(requests, &v1.TailDecisionsRequest{Subject: &v1.TailDecisionsRequest_DeviceExternalId{DeviceExternalId: c.Device}})
	if isID {
		requests = append(requests, &v1.TailDecisionsRequest{Subject: &v1.TailDecisionsRequest_DeviceId{DeviceId: c.Device}})
	}
	return requests
}

func (c *tailCommand) follow(ctx context.Context, out io.Writer, client v1.DecisionServiceClient, r *v1.TailDecisionsRequest) error {
	stream, err := client.TailDecisions(ctx, r)
	if err != nil {
		return err
	}
	printer := why.New(out, c.Locale, c.Zone)
	for {
		happened, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil // the server is done, or nobody reads any more
		case err != nil:
			return err
		}
		if !c.JSON {
			err = printer.Happened(happened)
		} else if text, fault := protojson.Marshal(happened); fault != nil {
			err = fault
		} else {
			_, err = fmt.Fprintln(out, string(text))
		}
		if err != nil {
			return err
		}
	}
}
