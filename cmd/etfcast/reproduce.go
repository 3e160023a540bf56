package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/forecast/issue"
	"github.com/etfcast/etfcast/service"
)

func reproduceCommand(a *app) *cobra.Command {
	var as format
	var r rebuild
	reproducer := service.Reproducer{CodeVersion: version, Build: thisBuild, Model: catalogue.Parse}
	cmd := &cobra.Command{
		Use:   "reproduce FORECAST",
		Short: "Make a stored forecast again from the data it was made from, and compare the two",
		Long: `Make a stored forecast again from the prices as they were believed at its data version, its parameters and
its seed, and compare every number of the two.

  identical    every bit is equal: expected of the same program on the same class of processor
  equivalent   the closes are the same, and every number is within 1e-9 of the stored one
  different    the first number that differs is printed; the exit code is 1

With --deep, the prices are made again, too: from the responses of the ETF's sources as they were stored, through
the rules that judge them and what people have decided since, version by version. A difference from what is
recorded, in any version up to the forecast's, gives exit code 1 and names the first; a response that has been
pruned, exit code 2. So do data that another code version judged otherwise than this one would: it is named. With
--anyway, they are taken as recorded, after a check that the responses have their numbers.

A forecast of another code version is made with that version: with --build, etfcast checks its commit out of
a git repository into a temporary folder, builds it with the Go that the forecast names, and runs it. The
exit code is 2 for a forecast that can't be made again here.`,
		Example: "  etfcast reproduce 0123456789abcdef0123456789abcdef --build",
		Args:    exactArgs("FORECAST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.anyway = reproducer.Anyway; r.wanted && r.anyway && !r.deep {
				return usageError{etf.Invalid("anyway", "--anyway runs this program, --build another one", "give one of them")}
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			if r.wanted {
				f, err := svc.Reproducible(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if f.CodeVersion != version {
					return r.run(cmd.Context(), a, f, as)
				}
			}
			var result service.Reproduction
			var shown any = &result
			if r.deep {
				var deep service.DeepReproduction
				if deep, err = svc.ReproduceDeep(cmd.Context(), args[0], reproducer, parsers); err == nil && as.forPeople() {
					err = printData(a.stdout, deep.Data)
				}
				result, shown = deep.Reproduction, deep
			} else {
				result, err = svc.Reproduce(cmd.Context(), args[0], reproducer)
			}
			if err != nil {
				return err
			}
			if as.forPeople() {
				err = printReproduction(a.stdout, result)
			} else {
				err = a.encode(as, shown)
			}
			if err == nil && result.Verdict == issue.Different {
				err = fmt.Errorf("forecast %s is not what this program makes of its data: %s is %s, and %s now",
					result.Forecast, result.First.Field, result.First.Stored, result.First.Made)
			}
			return err
		},
	}
	as.addFlags(cmd, "", "")
	cmd.Flags().BoolVar(&r.deep, "deep", false, "begin at the stored responses of the sources: make the data again, and compare them, too")
	cmd.Flags().BoolVar(&r.wanted, "build", false, "build the code version of the forecast, if it is another one, and run that")
	cmd.Flags().StringVar(&r.repository, "repo", ".", "with --build: folder of a git repository that has its commit")
	cmd.Flags().BoolVar(&reproducer.Anyway, "anyway", false, "use this program, whatever code version made the forecast; with --deep, take what others judged as recorded")
	return cmd
}

func printReproduction(w io.Writer, r service.Reproduction) error {
	of := ""
	if r.LargestOf != "" {
		of = " of " + r.LargestOf
	}
	_, err := fmt.Fprintf(w, `%s: forecast %s of %s by %s from %s
  data          version %d, %d closes
  issued by     %s
  made again by %s
  compared      %d numbers, %d not equal to the bit, largest relative difference %.2g%s
`, r.Verdict, r.Forecast, r.Symbol, r.Model, r.Origin, r.DataVersion, r.Rows, programText(r.CodeVersion, r.Build), programText(r.By.CodeVersion, r.By.Build),
		r.Numbers, r.Unequal, r.Largest, of)
	if err == nil && len(r.NotRecorded) > 0 {
		_, err = fmt.Fprintf(w, "  not compared  %s: not recorded with this forecast\n", strings.Join(r.NotRecorded, ", "))
	}
	if err == nil && r.First != nil {
		_, err = fmt.Fprintf(w, "  first         %s: stored %s, made again %s\n", r.First.Field, r.First.Stored, r.First.Made)
	}
	if err == nil && r.SameBuild && r.Verdict == issue.Equivalent {
		_, err = fmt.Fprintln(w, "  note          the same program gave other bits: report it as a bug")
	}
	return err
}

// programText describes a program in a line.
func programText(code string, b etf.Build) string {
	if b == (etf.Build{}) {
		return code + " (its build is not recorded)"
	}
	text := fmt.Sprintf("%s (%s %s %s", code, b.Go, b.Arch, b.Features)
	if b.Modified {
		text += ", modified"
	}
	return text + ")"
}
