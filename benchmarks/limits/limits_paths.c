/* The limit where paths branch: gradients written by hand in C, beside limits.c (compile both with the flags of its header). Frozen.
   heston: Heston's path with full truncation, call pay-off;  newton: implicit Euler for y' = k (cos t - y^3), Newton's method in each step;
   *_points: over points, each with its own data;  w2_loop: repetition of limits.c's w2_grad in C, to exclude ctypes marshalling. */
#include <math.h>

/* p: spot, variance, rate, speed, mean, volatility, correlation; z: n normals of the spot, then n of the variance; out: 7 slopes */
double heston_grad(const double*p,const double*z,int n,double K,double T,double*out){
  double S=p[0],v=p[1],r=p[2],ka=p[3],th=p[4],xi=p[5],rho=p[6],bar=sqrt(1-rho*rho),dt=T/n;
  double V[1024],SN[1024],E[1024],R[1024];  /* the variance before a step, the spot after it, its growth; root of v dt, 0: truncated */
  const double*w=z+n;
  for(int i=0;i<n;i++){V[i]=v;
    if(v>0){double q=sqrt(v*dt);R[i]=q;E[i]=exp((r-0.5*v)*dt+q*z[i]);v=v+ka*(th-v)*dt+xi*q*(rho*z[i]+bar*w[i]);}
    else{R[i]=0;E[i]=exp(r*dt);v=v+ka*th*dt;}
    S=S*E[i];SN[i]=S;}
  double pay=S-K;int itm=pay>0;if(!itm)pay=0;double D=exp(-r*T);
  double aS=itm?D:0,av=0,ar=0,aka=0,ath=0,axi=0,arho=0,abar=0;
  for(int i=n-1;i>=0;i--){double x=aS*SN[i];ar+=x*dt;aS*=E[i];
    if(R[i]>0){double q=R[i],b=rho*z[i]+bar*w[i],aq=x*z[i]+av*xi*b,ab=av*xi*q;
      axi+=av*q*b;arho+=ab*z[i];abar+=ab*w[i];aka+=av*(th-V[i])*dt;ath+=av*ka*dt;
      av=av-av*ka*dt-0.5*dt*x+aq*dt/(2*q);}
    else{aka+=av*th*dt;ath+=av*ka*dt;}}
  out[0]=aS;out[1]=av;out[2]=ar-T*D*pay;out[3]=aka;out[4]=ath;out[5]=axi;out[6]=arho-abar*rho/bar;
  return pay*D;}
void heston_points(const double*p,const double*z,int n,double K,double T,long m,double*val,double*g){
  for(long i=0;i<m;i++)val[i]=heston_grad(p,z+2*n*i,n,K,T,g+7*i);}
double heston_loop(const double*p,const double*z,int n,double K,double T,double*out,long reps){double t=0;
  for(long i=0;i<reps;i++){__asm__ volatile("" ::: "memory");t=heston_grad(p,z,n,K,T,out);}return t;}

/* force: cos t at each of n times; out: slopes in y and k, and the number of iterations */
#define MOST 4096
double newton_grad(double y,double k,const double*force,int n,double h,double tol,double*out){
  double U[MOST],D[MOST],X[MOST];int last[1024],t=0;double hk=h*k;  /* before an iteration; its divisor and its step */
  for(int i=0;i<n;i++){double u=y,step=1,c=force[i];
    while(fabs(step)>tol&&t<MOST){double s=u*u,d=1+3*hk*s;step=(u-y+hk*(u*s-c))/d;U[t]=u;D[t]=d;X[t]=step;t++;u=u-step;}
    last[i]=t;y=u;}
  double au=1,ahk=0;
  for(int i=n-1;i>=0;i--){double ay=0,c=force[i];
    for(int j=last[i]-1,e=i?last[i-1]:0;j>=e;j--){double u=U[j],s=u*u,ag=-au/D[j],ad=-ag*X[j];
      ahk+=ag*(u*s-c)+ad*3*s;ay-=ag;au=au+ag*D[j]+ad*6*hk*u;}
    au+=ay;}
  out[0]=au;out[1]=ahk*h;out[2]=t;return y;}
void newton_points(const double*y,const double*k,const double*force,int n,double h,double tol,long m,double*val,double*g){
  double o[3];for(long i=0;i<m;i++){val[i]=newton_grad(y[i],k[i],force,n,h,tol,o);g[2*i]=o[0];g[2*i+1]=o[1];}}
double newton_loop(double y,double k,const double*force,int n,double h,double tol,double*out,long reps){double t=0;volatile double vy=y,vk=k;
  for(long i=0;i<reps;i++){__asm__ volatile("" ::: "memory");t=newton_grad(vy,vk,force,n,h,tol,out);}return t;}

double w2_grad(double x,double a,double b,long n,double*buf,double*out);
double w2_loop(double x,double a,double b,long n,double*buf,double*out,long reps){double t=0;volatile double vx=x,va=a,vb=b;
  for(long i=0;i<reps;i++){__asm__ volatile("" ::: "memory");t=w2_grad(vx,va,vb,n,buf,out);}return t;}
