package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Plan is a scenario and where its server comes from.
type Plan struct {
	Scenario
	// Program is the ferryd to start when Scenario has no address. Empty means the one that
	// FindServer finds.
	Program string
	// Arguments are given to the ferryd that is started, behind those it needs.
	Arguments []string
	// Scratch is the folder in which a folder for a started server is made, and removed at the
	// end. Empty means the system's for temporary files.
	Scratch string
}

// Execute runs the plan and writes what it does and the report to out. The error says that there
// was no run, that transfers failed, or how a server that it started ended badly.
func (p Plan) Execute(ctx context.Context, out io.Writer) error {
	p.Scenario = p.filled()
	if p.Address == "" {
		return p.loadOwn(ctx, out)
	}
	// Base cannot remove a file, so who owns the server is told what will be left.
	if _, err := fmt.Fprintf(out, "loading %s: puts %d files named %s*, which stay there\n",
		p.Address, p.Clients*len(p.Sizes), p.Prefix); err != nil {
		return err
	}
	return p.load(ctx, out)
}

// loadOwn loads a server that it starts, and ends.
func (p *Plan) loadOwn(ctx context.Context, out io.Writer) error {
	if err := p.Validate(); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(p.Scratch, "ferrybench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	server, err := p.start(ctx, folder, out)
	if err != nil {
		return err
	}
	p.Address, p.ServerPID = server.Address, server.PID
	loaded := p.load(ctx, out)
	ended := server.Stop()
	if ended == nil {
		_, ended = fmt.Fprintln(out, "ferryd ended in order, with status 0")
	}
	return errors.Join(loaded, ended)
}

// load runs the scenario and writes the report.
func (p *Plan) load(ctx context.Context, out io.Writer) error {
	report, err := Run(ctx, p.Scenario)
	if err != nil {
		return err
	}
	if _, err = report.WriteTo(out); err != nil {
		return err
	}
	return report.Err()
}

func (p *Plan) start(ctx context.Context, folder string, out io.Writer) (*Server, error) {
	program := p.Program
	if program == "" {
		found, err := FindServer(ctx, folder)
		if err != nil {
			return nil, err
		}
		program = found
	}
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	server, err := StartServer(ctx, program, folder, p.Arguments...)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "started %s on %s, in %s\n", program, server.Address, folder)
	return server, nil
}
