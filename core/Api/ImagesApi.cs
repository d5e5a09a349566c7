using GlanceGateway.Api.Feed;
using GlanceGateway.Api.V2;
using GlanceGateway.Images;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>The OpenStack Images API over HTTP.</summary>
public static class ImagesApi
{
    /// <summary>Adds what the API is made of. <see cref="ImageServices"/> are the application's to add. A <see cref="TimeProvider"/> and an
    /// <see cref="ICallerSource"/> that are there already stay.</summary>
    public static IServiceCollection AddImagesApi(this IServiceCollection services, ApiOptions options)
    {
        services.AddSingleton(options);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ICallerSource>(s => options.Identity switch
        {
            IdentityMode.Headers => new ProxyCallers(options.TrustedProxies, Logger(s)),
            IdentityMode.Keystone => new KeystoneCallers(options.Keystone ?? throw Missing(nameof(options.Keystone)), s.GetRequiredService<TimeProvider>(), Logger(s)),
            IdentityMode.Tokens => new TokenFileCallers(options.TokenFile ?? throw Missing(nameof(options.TokenFile)), s.GetRequiredService<TimeProvider>(), Logger(s)),
            _ => new SingleProjectCallers(options.ProjectId),
        });
        services.AddSingleton<ImageHandlers>();
        services.AddSingleton<UploadHandler>();
        services.AddSingleton<DownloadHandler>();
        services.AddSingleton<ActionHandlers>();
        services.AddSingleton<TagHandlers>();
        services.AddSingleton<MemberHandlers>();
        services.AddSingleton<SchemaHandlers>();
        services.AddSingleton<ImportHandlers>();
        services.AddSingleton<TaskHandlers>();
        services.AddSingleton<InfoHandlers>();
        services.AddSingleton<StoreHandlers>();
        services.AddSingleton<LocationHandlers>();
        services.AddSingleton<CacheHandlers>();
        services.AddSingleton<MetadefRoutes>();
        services.AddSingleton<ChangeHandlers>();
        services.AddSingleton<FeedRoutes>();
        services.AddSingleton<V2Routes>();
        services.AddSingleton(s => ActivatorUtilities.CreateInstance<RequestFrame>(s, Logger(s)));
        services.AddSingleton<ApiPipeline>();
        return services;
    }

    /// <summary>Serves the API on every path that no other endpoint takes: a path without a known version is answered with the version list.</summary>
    public static IEndpointConventionBuilder MapImagesApi(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapFallback("{**path}", endpoints.ServiceProvider.GetRequiredService<ApiPipeline>().RunAsync).WithDisplayName("Images API");

    private static ArgumentException Missing(string option) => new($"The identity mode needs {option}.", nameof(option));

    private static ILogger Logger(IServiceProvider services) => services.GetRequiredService<ILoggerFactory>().CreateLogger("GlanceGateway.Api");
}
