package bench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"ferry/codec"
)

// Sizes are sizes of files: one, several in turn, or a log-normal distribution, which is how file
// sizes are distributed on most disks.
type Sizes struct {
	// List are sizes in bytes, taken in turn.
	List []int64
	// Median in bytes and Sigma, the standard deviation of the natural logarithm, describe a
	// log-normal distribution if List is empty. Max bounds it, in bytes; 0 means the largest size
	// that a field can hold.
	Median int64
	Sigma  float64
	Max    int64
}

const logNormalPrefix = "lognormal:"

// ParseSizes reads 4096, 64KiB or 1MB, several separated by commas, or
// lognormal:MEDIAN,SIGMA[,MAX].
func ParseSizes(text string) (s Sizes, err error) {
	rest, logNormal := strings.CutPrefix(text, logNormalPrefix)
	parts := strings.Split(rest, ",")
	if logNormal {
		if len(parts) < 2 || len(parts) > 3 {
			return s, fmt.Errorf("%s: want %sMEDIAN,SIGMA[,MAX]", text, logNormalPrefix)
		}
		if s.Sigma, err = strconv.ParseFloat(parts[1], 64); err != nil {
			return s, fmt.Errorf("%q is not a number", parts[1])
		}
		parts = append(parts[:1], parts[2:]...)
	}
	for _, part := range parts {
		n, err := humanize.ParseBytes(part)
		if err != nil || n > codec.FieldMax {
			return s, fmt.Errorf("%q is not a number of B, KiB, MiB, GiB, kB or MB, or above %d",
				part, int64(codec.FieldMax))
		}
		s.List = append(s.List, int64(n))
	}
	if logNormal {
		if s.Median = s.List[0]; len(s.List) == 2 {
			s.Max = s.List[1]
		}
		s.List = nil
	}
	return s, s.validate()
}

// String is the text that ParseSizes reads.
func (s Sizes) String() string {
	if len(s.List) == 0 {
		text := fmt.Sprintf("%s%s,%g", logNormalPrefix, sizeText(s.Median), s.Sigma)
		if s.Max > 0 {
			text += "," + sizeText(s.Max)
		}
		return text
	}
	var texts []string
	for _, size := range s.List {
		texts = append(texts, sizeText(size))
	}
	return strings.Join(texts, ",")
}

// sizeText is a size in the largest binary unit that divides it.
func sizeText(n int64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if bytes := int64(1) << (10 * (3 - i)); n >= bytes && n%bytes == 0 {
			return strconv.FormatInt(n/bytes, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func (s Sizes) validate() error {
	all := append([]int64{s.Median, s.Max}, s.List...)
	if len(s.List) == 0 && s.Median == 0 ||
		slices.Min(all) < 0 || slices.Max(all) > codec.FieldMax {
		return fmt.Errorf("file sizes %v: want 0 to %d bytes", all, int64(codec.FieldMax))
	}
	if !(s.Sigma >= 0) || math.IsInf(s.Sigma, 0) {
		return errors.New("sigma must be 0 or more")
	}
	return nil
}

// draw is the size of a client's nth file.
func (s *Sizes) draw(client int, nth int64, r *rand.Rand) int64 {
	if len(s.List) > 0 {
		return s.List[(int64(client)+nth)%int64(len(s.List))]
	}
	return s.logNormal(r.NormFloat64())
}

// files are the sizes of n files: List's in turn, or the distribution's quantiles, so that a few
// files cover all of it, the same in every run.
func (s *Sizes) files(n int) []int64 {
	sizes := make([]int64, n)
	for i := range sizes {
		if len(s.List) > 0 {
			sizes[i] = s.List[i%len(s.List)]
		} else {
			quantile := (float64(i) + 0.5) / float64(n)
			sizes[i] = s.logNormal(math.Sqrt2 * math.Erfinv(2*quantile-1))
		}
	}
	return sizes
}

// logNormal is the size at so many standard deviations from the median.
func (s *Sizes) logNormal(deviations float64) int64 {
	most := int64(codec.FieldMax)
	if s.Max > 0 {
		most = s.Max
	}
	size := math.Min(float64(s.Median)*math.Exp(s.Sigma*deviations), codec.FieldMax)
	return min(int64(size), most)
}
