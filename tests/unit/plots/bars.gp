# Figure 'bars'. Draw it again: gnuplot -d bars.gp
data = 'bars.tsv'
x_label = "difference in points"
title = ""
y0 = ""
t0 = "H"
n0_0 = "EuroSAT"
n0_1 = "DTD"
n0_2 = "Average"
l0 = "RLP higher"
l1 = "CoOp higher"
l2 = "Average"

do for [format in 'pdf svg png'] {
    if (format eq 'pdf') {
        set terminal pdfcairo noenhanced size 8.50cm,3.92cm font "Helvetica,8" fontscale 0.75 linewidth 1.3
    }
    if (format eq 'svg') {
        set terminal svg noenhanced size 321,148 font "Helvetica,8" fontscale 1.33
    }
    if (format eq 'png') {
        set terminal pngcairo noenhanced size 1004,463 font "Helvetica,8" fontscale 3.1 linewidth 3 pointscale 3
    }
    set output 'bars.'.format
    set multiplot
    set linetype 1 lc rgb '#0072B2' pt 7
    set linetype 2 lc rgb '#D55E00' pt 5
    set linetype 3 lc rgb '#009E73' pt 9
    set linetype 4 lc rgb '#CC79A7' pt 13
    set linetype 5 lc rgb '#56B4E9' pt 7
    set linetype 6 lc rgb '#E69F00' pt 11
    set linetype 7 lc rgb '#000000' pt 5
    set linetype 8 lc rgb '#882255' pt 9
    set linetype 9 lc rgb '#777777' pt 7
    set encoding utf8
    set datafile separator tab
    set border 3 lw 0.6 lc rgb '#444444'
    set tics nomirror out scale 0.5 font ',7' textcolor rgb '#444444'
    set grid ytics lt 1 lw 0.4 lc rgb '#dddddd'
    set title offset 0,-0.7 font ',8'
    set format '%h'
    set xtics offset 0,0.4
    set ytics offset 0.5,0
    set key font ',7'
    unset key

    set lmargin at screen 0.1529; set rmargin at screen 0.9588
    set bmargin at screen 0.4617; set tmargin at screen 0.8597
    set title t0
    set ylabel y0 offset 1.2,0 font ',8'
    set xlabel x_label offset 0,0.6 font ',8'
    set xrange [-2.56:7.06]; set xtics 2
    set yrange [0.4:3.6]; unset ylabel; set border 1
    set grid xtics noytics lt 1 lw 0.4 lc rgb '#dddddd'; set ytics scale 0 (n0_0 3, n0_1 2, n0_2 1)
    set arrow 1 from 0, graph 0 to 0, graph 1 nohead lc rgb '#444444' lw 0.6
    plot NaN, \
         data index 0 using ($5<$6?NaN:$1):2:($1<0?$1:0):($1<0?0:$1):($2-0.34):($2+0.34) with boxxyerror lt 1 fs solid 0.85 noborder, \
         data index 0 using ($5<$6?$1:NaN):2:($1<0?$1:0):($1<0?0:$1):($2-0.34):($2+0.34) with boxxyerror lt 1 fs empty border, \
         data index 0 using ($4>0?$1:NaN):2:4 with xerrorbars lc rgb '#444444' pt 0 lw 0.7, \
         data index 0 using ($1>=0?$1+$4+0.11544:1e9):2:(sprintf('%+.1f',$1)) with labels left font ',6.5', \
         data index 0 using ($1<0?$1-$4-0.11544:1e9):2:(sprintf('%+.1f',$1)) with labels right font ',6.5', \
         data index 1 using ($5<$6?NaN:$1):2:($1<0?$1:0):($1<0?0:$1):($2-0.34):($2+0.34) with boxxyerror lt 2 fs solid 0.85 noborder, \
         data index 1 using ($5<$6?$1:NaN):2:($1<0?$1:0):($1<0?0:$1):($2-0.34):($2+0.34) with boxxyerror lt 2 fs empty border, \
         data index 1 using ($4>0?$1:NaN):2:4 with xerrorbars lc rgb '#444444' pt 0 lw 0.7, \
         data index 1 using ($1>=0?$1+$4+0.11544:1e9):2:(sprintf('%+.1f',$1)) with labels left font ',6.5', \
         data index 1 using ($1<0?$1-$4-0.11544:1e9):2:(sprintf('%+.1f',$1)) with labels right font ',6.5', \
         data index 2 using ($5<$6?NaN:$1):2:($1<0?$1:0):($1<0?0:$1):($2-0.34):($2+0.34) with boxxyerror lt 7 fs solid 0.85 noborder, \
         data index 2 using ($5<$6?$1:NaN):2:($1<0?$1:0):($1<0?0:$1):($2-0.34):($2+0.34) with boxxyerror lt 7 fs empty border, \
         data index 2 using ($4>0?$1:NaN):2:4 with xerrorbars lc rgb '#444444' pt 0 lw 0.7, \
         data index 2 using ($1>=0?$1+$4+0.11544:1e9):2:(sprintf('%+.1f',$1)) with labels left font ',6.5', \
         data index 2 using ($1<0?$1-$4-0.11544:1e9):2:(sprintf('%+.1f',$1)) with labels right font ',6.5'
    unset arrow 1

    # the legend: each label once, below all panels
    unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset title
    unset logscale; unset label
    set lmargin at screen 0; set rmargin at screen 1
    set bmargin at screen 0; set tmargin at screen 0.2194
    set key center center horizontal maxcols 2 Left reverse samplen 2 width 1
    plot [0:1] [0:1] NaN notitle, \
         keyentry with boxes lt 1 fs solid 0.85 noborder title l0, \
         keyentry with boxes lt 2 fs solid 0.85 noborder title l1, \
         keyentry with boxes lt 7 fs solid 0.85 noborder title l2, \
         keyentry with boxes lt 9 fs empty border title 'seeds missing'
    unset multiplot
    unset output
    reset
}
