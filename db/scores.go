package db

import (
	"context"

	"github.com/etfcast/etfcast/etf"
)

func (s *Store) SessionLosses(context.Context, etf.ScoreFilter) ([]etf.SessionLosses, error) { return nil, nil }
func (s *Store) Scores(context.Context, etf.ScoreFilter) ([]etf.Score, error)               { return nil, nil }
func (s *Store) Entrants(context.Context) ([]string, error)                                 { return nil, nil }
