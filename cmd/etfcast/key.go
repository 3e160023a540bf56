package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

// keyFile is where the private key is unless another file is named.
const keyFile = "etfcast-ledger.key"

func keyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make and show the key that checkpoints of the ledger are signed with",
		Args:  exactArgs(),
	}
	cmd.AddCommand(keyInitCommand(a), keyShowCommand(a))
	return cmd
}

func keyInitCommand(a *app) *cobra.Command {
	var out, name string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make an Ed25519 key: write the private key to a new file and print the public key",
		Long: `Make an Ed25519 key, write the private key to a new file that only you can read, and print the public key. Publish the public key
where readers of the forecasts find it; they give it to ` + "`etfcast ledger verify-proof --public-key`" + `. An existing file is never
overwritten: checkpoints signed with a lost key stay valid, but nobody can sign with it any more.`,
		Example: "  etfcast key init --out etfcast-ledger.key > etfcast-ledger.pub",
		Args:    exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if name == "" {
				var b [4]byte
				_, _ = rand.Read(b[:]) // never fails (crypto/rand)
				name = "etfcast/" + hex.EncodeToString(b[:])
			}
			private, public, err := ledger.GenerateKey(name)
			if err != nil {
				return err
			}
			if err := writeNew(out, private+"\n"); err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, public)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", keyFile, "file for the private key, which must not exist yet")
	cmd.Flags().StringVar(&name, "name", "", "name of the key in signatures (default etfcast/ and 8 random digits)")
	return cmd
}

// writeNew writes a file that only its owner can read, and that must not exist.
func writeNew(path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return etf.Invalid("out", path+" exists already", "name another file; `etfcast key show "+path+"` prints its public key")
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Sync(), f.Close())
		if err != nil {
			_ = os.Remove(path)
		}
	}
	if err != nil {
		return &etf.Error{Kind: etf.KindInvalid, Field: "out", Message: "the file can't be written", Err: err, Remedy: "name a file in a folder that exists"}
	}
	return nil
}

func keyShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show FILE",
		Short:   "Print the public key of a private key's file",
		Example: "  etfcast key show etfcast-ledger.key",
		Args:    exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fileError("FILE", err)
			}
			signer, err := ledger.NewSigner(string(text))
			if err != nil {
				return etf.WithField(err, "FILE")
			}
			fmt.Fprintln(a.stdout, signer.PublicKey())
			return nil
		},
	}
}
