package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// original is a running timing.py.
type original struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	version string
}

type request struct {
	Do      string `json:"do"`
	Series  string `json:"series"`
	Periods int    `json:"periods,omitempty"`
	Initial string `json:"initial,omitempty"`
	Period  string `json:"period,omitempty"`
	Horizon string `json:"horizon,omitempty"`
}

type response struct {
	MS      float64 `json:"ms"`
	Cutoffs int     `json:"cutoffs"`
	Rows    int     `json:"rows"`
}

// pythonEnv is the environment without variables that make numpy's BLAS assume another, slower machine.
func pythonEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OPENBLAS_CORETYPE=") || strings.HasPrefix(v, "OPENBLAS_L2_SIZE=")
	})
}

func startOriginal(ctx context.Context, python, script string, stderr io.Writer) (*original, error) {
	o := &original{cmd: exec.CommandContext(ctx, python, script, "serve")}
	o.cmd.Env, o.cmd.Stderr = pythonEnv(), stderr
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := o.cmd.Start(); err != nil {
		return nil, err
	}
	o.out = bufio.NewReader(out)
	var hello struct {
		Prophet string  `json:"prophet"`
		Numpy   string  `json:"numpy"`
		BLAS    float64 `json:"blas_ms"`
	}
	if err := o.read(&hello); err != nil {
		return nil, fmt.Errorf("%s %s does not start: %w", python, script, err)
	}
	o.version = hello.Prophet
	fmt.Fprintf(stderr, "prophet %s, numpy %s; its BLAS takes %.0f ms for a singular value decomposition of 400 x 400\n", hello.Prophet, hello.Numpy, hello.BLAS)
	return o, nil
}

func (o *original) read(v any) error {
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the original does not respond (its error is above): %w", err)
	}
	return json.Unmarshal(line, v)
}

func (o *original) ask(r request) (response, error) {
	var a response
	line, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		return a, err
	}
	return a, o.read(&a)
}

func (o *original) stop() {
	_ = o.in.Close()
	_ = o.cmd.Wait()
}

// processes times whole processes, from start to exit: `etfcast prophet fit` and `predict`, and one Python script that
// does the same. Both read and write files.
func (in input) processes(ctx context.Context, python, script, etfcast, dir string, reps int) (timed, error) {
	c := timed{Name: in.name}
	model, forecast := filepath.Join(dir, "model.json"), filepath.Join(dir, "forecast.csv")
	ours := func() error {
		if err := command(ctx, os.Environ(), etfcast, "prophet", "fit", "--in", in.path, "--model-out", model); err != nil {
			return err
		}
		return command(ctx, os.Environ(), etfcast, "prophet", "predict", "--model", model, "--periods", strconv.Itoa(periods), "--freq", "D", "--out", forecast)
	}
	theirs := func() error {
		return command(ctx, pythonEnv(), python, script, "once", in.path, forecast, strconv.Itoa(periods))
	}
	var times [2][]float64
	for rep := range reps + 1 {
		for i, f := range []func() error{ours, theirs} {
			began := time.Now()
			if err := f(); err != nil {
				return c, err
			}
			if rep > 0 { // the first is the warm-up
				times[i] = append(times[i], ms(time.Since(began)))
			}
		}
	}
	c.OursMS, c.ProphetMS = median(times[0]), median(times[1])
	c.Ratio = c.ProphetMS / c.OursMS
	return c, nil
}

func command(ctx context.Context, env []string, name string, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said.String())
	}
	return nil
}
