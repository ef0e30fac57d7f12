package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// noopCommand is the ceiling: a service of the same contract that decodes, answers, and does nothing.
type noopCommand struct {
	Listen string `help:"Where it answers." default:"127.0.0.1:0"`
}

// Run serves until it is told to stop.
func (c *noopCommand) Run(ctx context.Context, out io.Writer) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	// The sizes and streams of the public API. No interceptor: nobody is asked who they are, nothing is checked.
	server := grpc.NewServer(grpc.MaxRecvMsgSize(17<<20), grpc.MaxSendMsgSize(17<<20), grpc.MaxConcurrentStreams(1000))
	v1.RegisterLocationServiceServer(server, noop{})
	context.AfterFunc(ctx, server.GracefulStop)
	fmt.Fprintf(out, "empty service ready: api http://%s\n", l.Addr())
	if err := server.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

type noop struct {
	v1.UnimplementedLocationServiceServer
}

// ReportPings answers that all was taken.
func (noop) ReportPings(_ context.Context, r *v1.ReportPingsRequest) (*v1.ReportPingsResponse, error) {
	out := &v1.ReportPingsResponse{Results: make([]*v1.PingResult, len(r.GetPings())), ServerTime: timestamppb.Now()}
	for i, p := range r.GetPings() {
		out.Results[i] = &v1.PingResult{PingId: p.GetId(), Outcome: v1.PingResult_TAKEN}
	}
	return out, nil
}

// ImportPings answers that all was taken.
func (noop) ImportPings(_ context.Context, r *v1.ImportPingsRequest) (*v1.ImportPingsResponse, error) {
	out := &v1.ImportPingsResponse{Results: make([]*v1.PingResult, len(r.GetPings())), ServerTime: timestamppb.Now()}
	for i, p := range r.GetPings() {
		out.Results[i] = &v1.PingResult{PingId: p.GetPing().GetId(), Outcome: v1.PingResult_TAKEN}
	}
	return out, nil
}
