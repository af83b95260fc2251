# Figure 'marks'. Draw it again: gnuplot -d marks.gp
data = 'marks.tsv'
x_label = "trained parameters"
title = ""
y0 = "H (%)"
t0 = ""
n0_0 = "RLP, rank 1"
n0_1 = "RLP, rank 2"
n0_2 = "MaPLe"
l0 = "ours"
l1 = "published"
l2 = "zero-shot CLIP"

do for [format in 'pdf svg png'] {
    if (format eq 'pdf') {
        set terminal pdfcairo noenhanced size 8.50cm,6.36cm font "Helvetica,8" fontscale 0.75 linewidth 1.3
    }
    if (format eq 'svg') {
        set terminal svg noenhanced size 321,240 font "Helvetica,8" fontscale 1.33
    }
    if (format eq 'png') {
        set terminal pngcairo noenhanced size 1004,751 font "Helvetica,8" fontscale 3.1 linewidth 3 pointscale 3
    }
    set output 'marks.'.format
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
    set logscale x 10

    set lmargin at screen 0.1412; set rmargin at screen 0.9647
    set bmargin at screen 0.2845; set tmargin at screen 0.9764
    set title t0
    set ylabel y0 offset 1.2,0 font ',8'
    set xlabel x_label offset 0,0.6 font ',8'
    set xrange [137.063:1.33838e+07]; set yrange [65.185:79.765]
    set ytics 5; set grid xtics ytics lt 1 lw 0.4 lc rgb '#eeeeee'
    set xtics ('1K' 1000, '10K' 10000, '100K' 100000, '1M' 1e+06, '10M' 1e+07)
    set label 10 n0_0 at first 516,77 left font ',6' offset 0.70,-0.47
    set label 11 n0_1 at first 1032,78 left font ',6' offset 0.88,0.00
    set label 12 n0_2 at first 3555072,78.55 left font ',6' offset 0.88,0.00
    plot data index 0 using 1:2:4:3 with xyerrorbars lt 1 pt 0 lw 0.7, \
         data index 0 using 1:2 with lines lt 1 lw 0.8, \
         data index 0 using 1:($5<$6?NaN:$2) with points lt 1 pt 7 ps 0.6, \
         data index 0 using 1:($5<$6?$2:NaN) with points lt 1 pt 6 ps 0.6, \
         data index 1 using 1:2 with points lt 9 pt 12 ps 0.6, \
         data index 2 using (137.063):2:(1.33836e+07):(0) with vectors nohead lt 7 dt 3 lw 1

    # the legend: each label once, below all panels
    unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset title
    unset logscale; unset label
    set lmargin at screen 0; set rmargin at screen 1
    set bmargin at screen 0; set tmargin at screen 0.1352
    set key center center horizontal maxcols 2 Left reverse samplen 2 width 1
    plot [0:1] [0:1] NaN notitle, \
         keyentry with points lt 1 pt 7 ps 0.6 title l0, \
         keyentry with points lt 9 pt 12 ps 0.6 title l1, \
         keyentry with lines lt 7 dt 3 lw 1 title l2, \
         keyentry with points lt 9 pt 6 ps 0.6 title 'seeds missing'
    unset multiplot
    unset output
    reset
}
