# Figure 'small'. Draw it again: gnuplot -d small.gp
# recipe quick
# commit 0123456
data = 'small.tsv'
x_label = "rank"
title = "Rank"
y0 = "accuracy (%)"
t0 = "flowers"
t1 = "Average"
l0 = "RLP"
l1 = "zero-shot CLIP"
l2 = "CoOp"

do for [format in 'pdf svg png'] {
    if (format eq 'pdf') {
        set terminal pdfcairo noenhanced size 17.50cm,6.98cm font "Helvetica,8" fontscale 0.75 linewidth 1.3
    }
    if (format eq 'svg') {
        set terminal svg noenhanced size 661,264 font "Helvetica,8" fontscale 1.33
    }
    if (format eq 'png') {
        set terminal pngcairo noenhanced size 2067,824 font "Helvetica,8" fontscale 3.1 linewidth 3 pointscale 3
    }
    set output 'small.'.format
    set multiplot
    set label 1 title at screen 0.5,0.9570 center font ',9'
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
    set logscale x 2

    set lmargin at screen 0.0686; set rmargin at screen 0.4886
    set bmargin at screen 0.2049; set tmargin at screen 0.8352
    set title t0
    set ylabel y0 offset 1.2,0 font ',8'
    set xlabel x_label offset 0,0.6 font ',8'
    set xrange [0.840896:4.75683]
    set xtics (1, 2, 4)
    set yrange [66.064:72.336]
    set ytics 2
    plot data index 0 using 1:($2-$3):($2+$3) with filledcurves lt 1 fs transparent solid 0.15 noborder, \
         data index 0 using 1:2 with lines lt 1 dt 1 lw 1.4, \
         data index 0 using 1:($4<$5?NaN:$2) with points lt 1 ps 0.5, \
         data index 0 using 1:($4<$5?$2:NaN) with points lt 1 lc rgb 'white' ps 0.5, \
         data index 0 using 1:($4<$5?$2:NaN) with points lt 1 pt 6 ps 0.5, \
         data index 1 using (0.840896):2:(3.91593):(0) with vectors nohead lt 7 dt 3 lw 1
    unset label 1

    set lmargin at screen 0.5486; set rmargin at screen 0.9886
    set bmargin at screen 0.2049; set tmargin at screen 0.8352
    set title t1
    unset ylabel
    set xlabel x_label offset 0,0.6 font ',8'
    set yrange [68.305:71.945]
    set ytics 1
    plot data index 2 using 1:($2-$3):($2+$3) with filledcurves lt 1 fs transparent solid 0.15 noborder, \
         data index 2 using 1:2 with lines lt 1 dt 1 lw 1.4, \
         data index 2 using 1:($4<$5?NaN:$2) with points lt 1 ps 0.5, \
         data index 2 using 1:($4<$5?$2:NaN) with points lt 1 lc rgb 'white' ps 0.5, \
         data index 2 using 1:($4<$5?$2:NaN) with points lt 1 pt 6 ps 0.5, \
         data index 3 using 1:2:3 with yerrorbars lt 2 pt 0 lw 0.8, \
         data index 3 using 1:2 with lines lt 2 dt 2 lw 1.4, \
         data index 3 using 1:($4<$5?NaN:$2) with points lt 2 ps 0.5, \
         data index 3 using 1:($4<$5?$2:NaN) with points lt 2 lc rgb 'white' ps 0.5, \
         data index 3 using 1:($4<$5?$2:NaN) with points lt 2 pt 4 ps 0.5

    # the legend: each label once, below all panels
    unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset title
    unset logscale; unset label
    set lmargin at screen 0; set rmargin at screen 1
    set bmargin at screen 0; set tmargin at screen 0.0688
    set key center center horizontal maxcols 4 Left reverse samplen 2 width 1
    plot [0:1] [0:1] NaN notitle, \
         keyentry with linespoints lt 1 dt 1 lw 1.4 ps 0.5 title l0, \
         keyentry with lines lt 7 dt 3 lw 1 title l1, \
         keyentry with linespoints lt 2 dt 2 lw 1.4 ps 0.5 title l2, \
         keyentry with points lt 9 pt 6 ps 0.5 title 'seeds missing'
    unset multiplot
    unset output
    reset
}
