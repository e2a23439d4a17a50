/* The limit for batches over points, vectorised by the compiler, beside limits_batch.c: gcc -Ofast -march=native -shared -fPIC. Frozen. */
#include <math.h>
/* x*a + sin(x)*b, n <= 1024 steps, m points each with its own x, a, b; blocks of 32 points: with 64 what is kept outgrows a cache of 1 MB.
   The cosine is taken in the way back: beside the sine, gcc makes a sincos of the two, which it does not vectorise. */
#define B 32
void w2_batch_simd(const double*x0,const double*a,const double*b,int n,long m,double*val,double*gx,double*ga,double*gb){
  static __thread double X[1024][B],SN[1024][B];
  for(long p=0;p<m;p+=B){long w=m-p<B?m-p:B;double x[B],ax[B],aa[B],ab[B];const double*A=a+p,*C=b+p;
    for(long j=0;j<w;j++)x[j]=x0[p+j];
    for(int i=0;i<n;i++)
      for(long j=0;j<w;j++){double s=sin(x[j]);X[i][j]=x[j];SN[i][j]=s;x[j]=x[j]*A[j]+s*C[j];}
    for(long j=0;j<w;j++){val[p+j]=x[j];ax[j]=1;aa[j]=0;ab[j]=0;}
    for(int i=n-1;i>=0;i--)
      for(long j=0;j<w;j++){aa[j]+=ax[j]*X[i][j];ab[j]+=ax[j]*SN[i][j];ax[j]*=A[j]+C[j]*cos(X[i][j]);}
    for(long j=0;j<w;j++){gx[p+j]=ax[j];ga[p+j]=aa[j];gb[p+j]=ab[j];}}}
