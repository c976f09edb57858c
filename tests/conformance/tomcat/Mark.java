package show;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** Leaves its name and the dispatch around the chain. */
public class Mark implements Filter {
    private String name;

    @Override
    public void init(FilterConfig config) {
        name = config.getFilterName();
    }

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        ((HttpServletResponse) response).addHeader("X-Filter", name + " " + request.getDispatcherType());
        chain.doFilter(request, response);
    }
}
